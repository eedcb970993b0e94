import { FileSet, type FileSetOptions } from "../src/sources/files/file_set.ts";

/**
 * The files of a log directory as most tests follow them: `*.log`, from their beginnings, in parts of 1,000 bytes.
 * @param directory its real path.
 */
export function fileSetIn(
  directory: string,
  options: Partial<FileSetOptions> & Pick<FileSetOptions, "state">,
): FileSet {
  return new FileSet({
    roots: [directory],
    includes: (path) => path.endsWith(".log"),
    prunes: () => false,
    lookback: "start",
    limits: { maxPart: 1000, maxLine: 10_000 },
    maxOpenFiles: 10,
    emit: () => undefined,
    onReady: () => undefined,
    ...options,
  });
}
