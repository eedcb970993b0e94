/** Blank, tab, newline and backslash are written in octal: proc_pid_mountinfo(5) and getmntent(3). */
export function unescapeMountPoint(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
