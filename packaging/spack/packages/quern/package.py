from spack.package import *

try:  # Spack 1.0 and later
    from spack_repo.builtin.build_systems.cmake import CMakePackage, generator
except ImportError:  # before, spack.package had them
    pass


class Quern(CMakePackage):
    """Anomaly scores for every internal IP from an archive of BIND 9 query logs: features per IP and hour, k-means and an
    autoencoder over MPI, accumulated evidence, models and scores in HDF5."""

    # Builds a checkout: spack repo add packaging/spack; spack dev-build quern@main
    version("main")

    variant("zstd", default=True, description="Read logs compressed by zstd")
    variant("xz", default=True, description="Read logs compressed by xz")

    depends_on("c", type="build")
    depends_on("cmake@3.25:", type="build")
    depends_on("ninja", type="build")
    depends_on("pkgconfig", type="build")
    depends_on("mpi@3:")
    depends_on("hdf5@1.10.4:1.14+mpi+hl")
    depends_on("libyaml@0.2:")
    depends_on("xxhash@0.8:")
    depends_on("openssl@1.1:")
    depends_on("isa-l@2.30:")
    depends_on("zstd@1.4:", when="+zstd")
    depends_on("xz@5.2:", when="+xz")

    generator("ninja")

    def cmake_args(self):
        return [
            self.define_from_variant("QUERN_ZSTD", "zstd"),
            self.define_from_variant("QUERN_XZ", "xz"),
            self.define("BUILD_TESTING", False),
        ]
