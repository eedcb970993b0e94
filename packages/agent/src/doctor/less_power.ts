import { NOBODY } from "@logdna-agent/confinement";
import { stringify } from "yaml";
import { isInside } from "../sources/files/open_log.ts";
import type { Accounts } from "./accounts.ts";
import type { LessPower } from "./report.ts";
import { barrier, groupsFor, type Reader, type WatchedFile } from "./watched_files.ts";

export interface LessPowerInputs {
  readonly files: readonly WatchedFile[];
  readonly accounts: Accounts;
  /** The ordinary user that it would run as: one that owns nothing. */
  readonly user: Reader;
  /** Number of the user that a container would run as. */
  readonly podUser: number;
  /** The real paths of what is watched. */
  readonly roots: readonly string[];
  readonly stateDirectory: string;
  /** Whether files may only be readable by a capability. */
  readonly noCapability: boolean;
}

/** The user that packages make, and that these lines are for. */
const USER = "logdna-agent";
const EXAMPLES = 3;
/** The number that this user has in the container image. */
const IMAGE_USER = 10_001;
/** Exit status with which the agent asks to be started anew. */
const RESTART_STATUS = 75;

/** The ways to run the agent on this host with less than root, and what each of them would not read of the files of now. */
export function lessPower(inputs: LessPowerInputs): LessPower[] {
  const { files, user } = inputs;
  const gids = groupsThatHelp(files, user);
  const without = missedBy(files, user);
  const needsMore = without.misses > 0;
  const ways: LessPower[] = [];
  if (needsMore && !inputs.noCapability)
    ways.push({
      title: "systemd: an ordinary user with the one capability",
      text:
        userLine(inputs) +
        unit(inputs, ["AmbientCapabilities=CAP_DAC_READ_SEARCH", "CapabilityBoundingSet=CAP_DAC_READ_SEARCH"]),
      misses: 0,
      examples: [],
      caveats: ["file systems that are mounted while it runs come with the flags that they are mounted with"],
    });
  if (!needsMore)
    ways.push({
      title: "systemd: an ordinary user, which can read all of these files",
      text: userLine(inputs) + unit(inputs, ["CapabilityBoundingSet="]),
      ...without,
      caveats: ["a file that appears later and that this user cannot read is told in the log, and not read"],
    });
  if (gids.length > 0)
    ways.push({
      title: "systemd: an ordinary user in the groups that may read",
      text:
        userLine(inputs) +
        unit(inputs, [
          `SupplementaryGroups=${gids.map((gid) => inputs.accounts.group(gid)).join(" ")}`,
          "CapabilityBoundingSet=",
        ]),
      ...missedBy(files, { ...user, gids: [...user.gids, ...gids] }),
      caveats: ["each of these groups may also read other things than logs"],
    });
  if (needsMore) ways.push(accessControlLists(inputs));
  ways.push(...containers(inputs, gids));
  return ways;
}

/** The groups that let a reader read more of the files; where one file takes several, all of them. */
function groupsThatHelp(files: readonly WatchedFile[], reader: Reader): number[] {
  const found = new Set(
    files.flatMap((file) => (barrier(file, reader) === undefined ? [] : (groupsFor(file, reader) ?? []))),
  );
  // The group of root is the very thing that is to be left.
  found.delete(0);
  return [...found].sort((a, b) => a - b);
}

function missedBy(files: readonly WatchedFile[], reader: Reader): Pick<LessPower, "misses" | "examples"> {
  const missed = files.filter((file) => barrier(file, reader) !== undefined);
  return { misses: missed.length, examples: missed.slice(0, EXAMPLES).map(({ path }) => path) };
}

function userLine({ accounts }: LessPowerInputs): string {
  if (accounts.hasUser(USER)) return "";
  return `useradd --system --no-create-home --shell /usr/sbin/nologin ${USER}\n\n`;
}

/** Lines for `systemctl edit logdna-agent`: systemd.exec(5), systemd.service(5). */
function unit({ stateDirectory, roots }: LessPowerInputs, privileges: readonly string[]): string {
  const inHome = roots.some((root) =>
    ["/home", "/root", "/run/user"].some((home) => isInside(root, [home]) || isInside(home, [root])),
  );
  const beneath = /^\/var\/lib\/([\w.-]+)$/.exec(stateDirectory)?.[1];
  const state =
    beneath === undefined
      ? [`ReadWritePaths=${unitPath(stateDirectory)}`]
      : [`StateDirectory=${beneath}`, "StateDirectoryMode=0700"];
  return [
    "# systemctl edit logdna-agent",
    "[Service]",
    ...[`User=${USER}`, `Group=${USER}`, ...privileges, "NoNewPrivileges=yes", "UMask=0077"],
    ...["ProtectSystem=strict", ...(inHome ? [] : ["ProtectHome=yes"]), ...state],
    ...["PrivateDevices=yes", "ProtectKernelTunables=yes", "ProtectControlGroups=yes"],
    ...[
      "RestrictAddressFamilies=AF_INET AF_INET6 AF_NETLINK",
      "Restart=always",
      `RestartForceExitStatus=${RESTART_STATUS}`,
    ],
  ].join("\n");
}

/** setfacl(1), acl(5). */
function accessControlLists({ files, user, roots, accounts, ...inputs }: LessPowerInputs): LessPower {
  const bars = new Set(
    files
      .flatMap(({ parents }) =>
        parents.filter(({ path, mode }) => (mode & 1) === 0 && !roots.some((root) => isInside(path, [root]))),
      )
      .map(({ path }) => path),
  );
  const directories = roots.map((root) => shellWord(root)).join(" ");
  const lines = [
    ...[...bars].map((path) => `setfacl -m u:${USER}:x ${shellWord(path)}`),
    `setfacl -R -m u:${USER}:rX ${directories}`,
    "# For what is made in them from now on:",
    `setfacl -R -d -m u:${USER}:rX ${directories}`,
  ];
  return {
    title: "access control lists: an ordinary user that is let in by name",
    text: `${userLine({ files, user, roots, accounts, ...inputs })}${lines.join("\n")}`,
    misses: 0,
    examples: [],
    caveats: [
      "a file that is made with mode 0600, as by logrotate's `create 0600` or under umask 077, gets a mask that takes the entry's rights away: it is not read",
      "it changes the files' metadata, and whoever owns a file can take the entry off it",
      "file systems without access control lists, such as some network ones, refuse it",
    ],
  };
}

/** Pod Security Standards; `securityContext` of a pod and of a container. */
function containers({ files, user, podUser, noCapability }: LessPowerInputs, gids: readonly number[]): LessPower[] {
  const common = {
    privileged: false,
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    seccompProfile: { type: "RuntimeDefault" },
  };
  const context = (more: object, capabilities: object): string =>
    stringify({ securityContext: { ...more, ...common, capabilities: { drop: ["ALL"], ...capabilities } } }).trimEnd();
  const root = { uid: 0, gids: [0] };
  const ways: LessPower[] = [
    {
      title: "Kubernetes: root by number, without any capability",
      text: context({ runAsUser: 0 }, {}),
      ...missedBy(files, root),
      caveats: [
        "as the owner of root's files it could write to them: mount the host's log directories with readOnly: true",
      ],
    },
  ];
  if (missedBy(files, root).misses > 0 && !noCapability)
    ways.push({
      title: "Kubernetes: an ordinary user with the one capability",
      text: context({ runAsNonRoot: true, runAsUser: IMAGE_USER }, { add: ["DAC_READ_SEARCH"] }),
      misses: 0,
      examples: [],
      caveats: [
        "it is the agent's image that carries the capability over to that user, by the file of its Node: Kubernetes makes none ambient",
        `the state directory has to belong to user ${IMAGE_USER} (deploy/variants/non_root)`,
      ],
    });
  const pod =
    gids.length === 0 ? "" : `\n# In the pod's own securityContext:\n# supplementalGroups: [${gids.join(", ")}]`;
  ways.push({
    title: "Kubernetes: not root",
    text: context({ runAsNonRoot: true, runAsUser: podUser === 0 ? NOBODY : podUser }, {}) + pod,
    ...missedBy(files, { ...user, gids: [...user.gids, ...gids] }),
    caveats: ["the state directory has to belong to that user"],
  });
  return ways;
}

/** A word of a shell command. */
function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** A path in a unit file: systemd.syntax(7) and "Specifiers" of systemd.unit(5). */
function unitPath(path: string): string {
  const escaped = path.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("%", "%%");
  return /[\s"'\\]/.test(path) ? `"${escaped}"` : escaped;
}
