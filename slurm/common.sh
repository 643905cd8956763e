# common.sh - what the batch scripts of this folder share; they source it. Nothing here is to be edited.
# quern_mpi ARG…: runs quern on all ranks of the job. A job that its time limit or a preemption stops saves itself, is
# queued again, and goes on where it was, at whatever number of ranks it then gets.
# Set by the scripts: quern (the program), launch (auto, or the words that start it on all ranks).

# The scripts have --signal=B:…: the signal comes to the script, whatever starts the ranks, and is passed on to them.
quern_pass_on() {
    echo "quern: the time is nearly up: asking the ranks to save what they have"
    case $quern_launch in
    mpirun*) kill -USR1 "$quern_pid" 2>/dev/null || true ;;
    *) scancel --signal=USR1 "$SLURM_JOB_ID" 2>/dev/null || true ;;
    esac
}

# srun with PMIx where Slurm has it, else the mpirun of the MPI that quern was built with. -K: when a rank dies, Slurm
# ends the others at once; without it they would wait for it until the time limit.
quern_launch_find() {
    if [ "${launch:-auto}" != auto ]; then
        quern_launch=$launch
    elif srun --mpi=list 2>&1 | grep -qw pmix; then
        quern_launch='srun --kill-on-bad-exit=1 --mpi=pmix'
    else
        quern_launch=mpirun
    fi
}

# Of ranks that all leave with 75 the first makes srun end the others (-K); when it is quicker than they are, its own
# status is 143, and the log tells theirs.
quern_status_find() {
    local log
    [ "$quern_status" -eq 143 ] || return 0
    log=$(scontrol show job "$SLURM_JOB_ID" | sed -n 's/^ *StdOut=//p')
    ! tail -n 20 "$log" | grep -q 'Exited with exit code 75' || quern_status=75
}

# Jobs with results of their own must not each read all logs: the job file has to name the store that they share.
quern_need_store() {
    grep -Eq '^store:' "$job" ||
        { echo "$job: name the folder that jobs share, such as   store: {dir: store}" >&2; exit 2; }
}

quern_mpi() {
    quern_launch_find
    trap quern_pass_on USR1 TERM
    # shellcheck disable=SC2086 # the words of the launcher
    $quern_launch "$quern" "$@" &
    quern_pid=$!
    # A signal ends the wait, not what is waited for.
    while :; do
        quern_status=0
        wait "$quern_pid" || quern_status=$?
        kill -0 "$quern_pid" 2>/dev/null || break
    done
    trap - USR1 TERM
    quern_status_find
    if [ "$quern_status" -eq 75 ]; then
        echo "quern was stopped and has saved its state: queued again"
        scontrol requeue "$SLURM_JOB_ID"
        sleep 60 # Slurm ends this script; leaving by itself would end the job
    fi
    [ "$quern_status" -eq 0 ] || exit "$quern_status"
}
