/**
 * Node's own permissions, on top of what the kernel refuses: a seat belt against mistakes of the program and its dependencies,
 * which asks no kernel for anything and so holds on every one (nodejs.org, "Permissions"). It does not stand up to code
 * that is hostile; that is what the other layers are for.
 */

/**
 * The flags of Node with which the new image writes to the given directories only, starts no child, no worker, no inspector,
 * and loads no native add-on. Reading is not narrowed: which logs there are changes while the program runs, and what a
 * link leads to has to be seen in order to be refused.
 */
export function nodePermissions(writable: readonly string[], { children }: { readonly children: boolean }): string[] {
  return [
    ...["--permission", "--allow-fs-read=*", "--allow-net", "--allow-ffi"],
    // That a permission is granted which is given up soon; all else stays to be warned of.
    "--disable-warning=PERM0003",
    ...(children ? ["--allow-child-process"] : []),
    ...writable.map((path) => `--allow-fs-write=${path}`),
  ];
}

/**
 * Gives up calling functions of the C library that were not bound before: to be called once all are. Does nothing where the
 * process runs without permissions.
 */
export function giveUpForeignFunctions(): void {
  // Absent in a process without permissions, though its type does not say so.
  const permission: typeof process.permission | undefined = process.permission;
  permission?.drop("ffi");
}
