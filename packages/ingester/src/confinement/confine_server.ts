import { join } from "node:path";
import {
  buildPolicy,
  type Confinement,
  ConfinementError,
  canLeaveRoot,
  confine,
  libc,
  type Policy,
  type PolicyInputs,
} from "@logdna-agent/confinement";
import { type Given, readGivenFiles } from "../given.ts";
import { listeningDescriptors } from "../http/listening.ts";
import { OPTIONS, type Settings } from "../options.ts";
import { makePrivateDirectory, SECRET_FILES, STORE_DIRECTORY, TLS_FILES } from "../private_files.ts";
import { HeldFiles, type HeldState } from "../tls/held_files.ts";
import { buildPageAs, type PageRows } from "./build_page_as.ts";

/** What starts the program: its flags and its environment. */
export interface Start {
  readonly argv: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

const PROGRAM_NAME = "logdna-ingester";
/** Variables and flags that may hold a secret: a URL may have a password in it. */
const SECRET_VARIABLES: readonly string[] = [OPTIONS.clickhouseUrl.env];
const SECRET_FLAG = new RegExp(`^${OPTIONS.clickhouseUrl.flag}(?:=|$)`);
/** For the terminal commands alone. */
const UNUSED_VARIABLES: readonly string[] = ["LOGDNA_INGESTER_TOKEN"];
/** What could change what the new image executes; further authorities, for a store behind HTTPS, do not. */
const LOADING = /^(?:LD_|NODE_(?!EXTRA_CA_CERTS$)|GLIBC_TUNABLES$)/;
const CA_VARIABLES = ["NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "SSL_CERT_DIR"];
/** Names under which things are handed over. */
const FLAGS = "flags";
const GIVEN = "given";

/** The checkout: sources run directly, so what is read at any time is all of it. */
const ROOT = join(import.meta.dirname, "../../../..");
const PROGRAM = ["packages", "node_modules", "package.json"].map((name) => join(ROOT, name));
/** What is the server's own in its data directory. */
const ENTRIES = [STORE_DIRECTORY, ...Object.values(SECRET_FILES), ...Object.values(TLS_FILES)];

/** What is handed over besides secrets of the environment and the command line; as JSON. */
interface HandedOver {
  readonly files: Given["files"];
  readonly held: HeldState;
  readonly page: PageRows;
  readonly listeners: readonly number[];
  readonly staysRootFor: readonly string[];
}

/** What a server with these settings may do, and why it stays root by number, if it has to. */
function policyOf(settings: Settings, env: NodeJS.ProcessEnv): { policy: Policy; staysRootFor: readonly string[] } {
  const inputs: PolicyInputs = {
    program: PROGRAM_NAME,
    stateFlag: OPTIONS.dataDir.flag,
    mode: settings.confinement,
    roots: [],
    stateDirectory: settings.dataDir,
    stateEntries: ENTRIES,
    programPaths: PROGRAM,
    configPaths: [],
    caPaths: [],
    executable: process.execPath,
    connectPorts: settings.clickhouseUrl === undefined ? [] : [portOf(settings.clickhouseUrl)],
    // Its own port is bound before.
    bindPorts: [],
    noCapability: true,
    // The embedded engine sets the time of each part that it writes to now, which it is, and fails where it is refused that.
    ignoredCalls: ["utimensat"],
  };
  const wanted = buildPolicy(inputs);
  const staysRootFor = wanted.fromRoot
    ? [
        ...wanted.capabilityFor,
        ...(canLeaveRoot(false) ? [] : ["another user id: CAP_SETUID and CAP_SETGID are missing"]),
      ]
    : [];
  if (staysRootFor.length > 0 && settings.confinement === "required")
    throw new ConfinementError(
      `The server is to become user ${wanted.uid}, which cannot get to ${staysRootFor.join(", ")}. ${remedy()}`,
    );
  const given = {
    ...inputs,
    // Readable as far as its user may, so that a renewed certificate is taken up without a new start.
    configPaths: [settings.tlsCert, settings.tlsKey].filter((path) => path !== undefined),
    caPaths: CA_VARIABLES.flatMap((name) => env[name] || []),
  };
  const policy = buildPolicy(staysRootFor.length > 0 ? { ...given, user: { uid: 0, gid: 0 } } : given);
  return {
    policy: {
      ...policy,
      // The embedded engine finds its database by a link. Elsewhere a link could lead astray who reads there as root.
      linkable: [join(policy.stateDirectory, STORE_DIRECTORY)],
      // Anyone else than root cannot have mounts of its own; Landlock refuses the same.
      readOnlyMounts: policy.fromRoot,
      listens: true,
    },
    staysRootFor,
  };
}

/** What to do about a program or data that the unprivileged user does not get to. */
export function remedy(): string {
  return `Put program and data where every user may pass through, such as /opt and /var/lib, or run chmod o+x on the directories on the way; or set ${OPTIONS.confinement.flag} to best-effort.`;
}

function portOf(url: string): number {
  const { port, protocol } = new URL(url);
  return port === "" ? (protocol === "https:" ? 443 : 80) : Number(port);
}

/**
 * Takes what the server needs from outside, and gives away everything else by starting it anew, if the settings do not say
 * otherwise.
 * @returns why that was not done; undefined when it is not wanted.
 * @throws {ConfinementError} when it is required and cannot be done.
 * @throws {Error} when something that the settings name cannot be used.
 */
export async function confineServer(settings: Settings, { argv, env }: Start): Promise<string | undefined> {
  if (settings.confinement === "off") return undefined;
  const calls = libc();
  if (typeof calls === "string" && settings.confinement !== "required") return calls;
  const { policy, staysRootFor } = policyOf(settings, env);
  makePrivateDirectory(settings.dataDir, SECRET_FILES.key, [process.geteuid?.() ?? 0, policy.uid]);
  const { files, held } = readGivenFiles(settings);
  const page = await buildPageAs(policy.fromRoot && policy.uid !== 0 ? policy : undefined);
  const listeners = await listeningDescriptors(settings.host, settings.port);
  const handed: HandedOver = { files, held: held.state, page, listeners, staysRootFor };
  const secrets: Record<string, string> = { [GIVEN]: JSON.stringify(handed) };
  const visible: Record<string, string> = {};
  for (const [name, value = ""] of Object.entries(env)) {
    if (SECRET_VARIABLES.includes(name)) secrets[name] = value;
    else if (!LOADING.test(name) && !UNUSED_VARIABLES.includes(name)) visible[name] = value;
  }
  const secretFlags = argv.some((flag) => SECRET_FLAG.test(flag));
  if (secretFlags) secrets[FLAGS] = JSON.stringify(argv);
  const main = process.argv[1] ?? "";
  return confine(policy, {
    file: process.execPath,
    argv: [process.execPath, ...process.execArgv, "--disable-sigusr1", main, ...(secretFlags ? [] : argv)],
    env: visible,
    secrets,
    descriptors: [...listeners, ...held.state.descriptors],
  });
}

/** How the program was started, as it was before secrets were taken out of what others can see. */
export function startOf(confinement: Confinement | undefined, argv: readonly string[], env: NodeJS.ProcessEnv): Start {
  if (confinement === undefined) return { argv, env };
  const { [FLAGS]: flags, [GIVEN]: _, ...variables } = confinement.secrets;
  return { argv: flags === undefined ? argv : (JSON.parse(flags) as string[]), env: { ...env, ...variables } };
}

/** What was taken for the confined server before it was. */
export function givenBy({ secrets }: Confinement): { given: Given; staysRootFor: readonly string[] } {
  const { files, held, page, listeners, staysRootFor }: HandedOver = JSON.parse(secrets[GIVEN] ?? "{}");
  const rows = page.map(([path, type, base64]) => [path, { type, body: Buffer.from(base64, "base64") }] as const);
  return { given: { files, held: new HeldFiles(held), page: new Map(rows), listeners }, staysRootFor };
}
