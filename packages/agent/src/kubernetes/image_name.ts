/** The name and the tag of a container's image. */
export interface Image {
  readonly name: string;
  /** Its tag; of one that is named by its digest alone, that; `latest` where it has neither. */
  readonly tag: string;
}

/** Reads `HOST:PORT/PATH:TAG@DIGEST`, of which all but PATH may be missing (distribution's reference grammar). */
export function imageOf(reference: string): Image {
  const at = reference.indexOf("@");
  const named = at < 0 ? reference : reference.slice(0, at);
  const digest = at < 0 ? "" : reference.slice(at + 1);
  // A colon before the last slash is that of a port.
  const colon = named.indexOf(":", named.lastIndexOf("/") + 1);
  if (colon < 0) return { name: named, tag: digest || "latest" };
  return { name: named.slice(0, colon), tag: named.slice(colon + 1) || digest || "latest" };
}
