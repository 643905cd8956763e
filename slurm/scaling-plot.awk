# scaling-plot.awk - the speed-up in tables of quern bench --ladder as an SVG. usage: awk -f scaling-plot.awk FILE.txt… >PLOT.svg
function x(ranks) { return 60 + 380 * log(ranks) / log(most) }
function y(times) { return 340 - 300 * log((times < 0.5 ? 0.5 : times) / 0.5) / log(most / 0.5) }
FNR == 1 {
    files++
    names[files] = FILENAME
    sub(/.*\//, "", names[files])
    sub(/\.txt$/, "", names[files])
}
/^ +[0-9]+ / {
    n = ++count[files]
    ranks[files, n] = $1
    speed[files, n] = $3
    if ($1 + 0 > most) most = $1 + 0
}
END {
    if (most < 2) most = 2
    print "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 560 390\" font-family=\"sans-serif\" font-size=\"12\">"
    print "<rect width=\"560\" height=\"390\" fill=\"white\"/>"
    for (r = 1; r <= most; r *= 2)
        printf "<line x1=\"%.1f\" y1=\"40\" x2=\"%.1f\" y2=\"340\" stroke=\"#ddd\"/><text x=\"%.1f\" y=\"358\" text-anchor=\"middle\">%d</text><line x1=\"60\" y1=\"%.1f\" x2=\"440\" y2=\"%.1f\" stroke=\"#ddd\"/><text x=\"52\" y=\"%.1f\" text-anchor=\"end\">%d</text>\n", x(r), x(r), x(r), r, y(r), y(r), y(r) + 4, r
    printf "<line x1=\"60\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#888\" stroke-dasharray=\"4 4\"/>\n", y(1), x(most), y(most)
    print "<text x=\"250\" y=\"380\" text-anchor=\"middle\">ranks</text><text x=\"60\" y=\"28\">speed-up of the same work; dashed: as many times as ranks</text>"
    split("#1b6ca8 #c1440e #3f7d20 #7b4397", colour, " ")
    for (f = 1; f <= files; f++) {
        points = ""
        for (n = 1; n <= count[f]; n++) points = points sprintf("%.1f,%.1f ", x(ranks[f, n]), y(speed[f, n]))
        printf "<polyline points=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"2\"/><text x=\"450\" y=\"%d\" fill=\"%s\">%s</text>\n", points, colour[f], 40 + 18 * f, colour[f], names[f]
    }
    print "</svg>"
}
