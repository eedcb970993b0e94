/** What is to be known about configuration beside the single options; the head of `docs/configuration.md`. */
export const CONFIGURATION_GUIDE = `
## Where options come from

A flag counts before an environment variable, that before the configuration file, that before the default.

- **Environment**: every variable exists as \`MZ_X\` and as \`LOGDNA_X\`; where both are set and differ, \`MZ_X\` counts, with a
  warning. An empty variable is as good as none. Lists are separated by commas; a comma that belongs to an item is written
  \`\\u002C\` or \`\\,\`. Old names still count, with a warning. A variable with one of the prefixes that is no option is
  answered with a warning.
- **File**: \`/etc/logdna/config.yaml\` (YAML 1.2), and \`/etc/logdna.conf\` (the properties file of the v1 agent) under it.
  \`--config\` or \`CONFIG_FILE\` names one file instead of both, of either form. In a value of the YAML file \`\${NAME}\` stands
  for that environment variable, and \`$\${NAME}\` for itself. In the v1 file every option exists under the name of its
  variable in lower case, and of a key that is given twice the last one counts, with a warning.
- **Flags** of the v1 agent count, with a warning where they have other names now. They no longer change the file, and those
  that do nothing else, \`--set\` and \`--unset\`, are refused.
- **Lists** from flags or the environment *add to* the list of the file, or to the default, as in the v2 agent; flags take the
  place of the environment. A list in the YAML file *replaces* the default, so \`log.dirs: [/srv/app]\` follows nothing but
  \`/srv/app\`. In the v1 file lists replace the default too, except exclusions, which add to it. This is what users of
  either agent have relied on: with any other rule a host would ship less, or more, after the change of agents.

Everything that is wrong is told at once: with the variable, the flag, or the file, line and column, and in the YAML file the path of the
key, such as \`log.rules[0].path\`; and the agent exits with status 22. Of a file that is no valid YAML nothing else can be told, and
what it may hold is not missed. A file of more than 256 Ki characters is refused.

\`--list\` prints the effective configuration as a YAML file that can be used again. The key, the salt, headers, and a proxy's user and
password are not in it: a comment says where each comes from, and that place must still hold it.

A file of the configuration is a regular file, or a link to one. \`/dev/null\` is an empty one. A pipe, as of \`<(…)\` in a shell, is an
error, since the agent reads the file again once it has given away its power, and at SIGHUP.

## Looking at it and changing it

- \`logdna-agent config\` shows each value in force and where it comes from: the default, a file and line, a variable, a flag.
  \`--json\` prints the same for programs. Secrets are masked.
- \`logdna-agent config validate\` tells everything that is wrong, and every warning, before a roll-out; it ends with 22 where the
  agent would not start, else with 0.
- \`logdna-agent config --schema\` prints the JSON schema of the YAML file
  ([configuration.schema.json](configuration.schema.json)). An editor that knows YAML completes and checks the file with
  \`# yaml-language-server: $schema=configuration.schema.json\` as its first line.

All three take the agent's own options, variables and files, need neither root nor a running agent, and change nothing. So
\`logdna-agent config validate -c new.yaml\` checks a file before it takes the place of another.

\`logdna-agent preview FILE\` shows what a configuration makes of the lines of a file ([preview](preview.md)).

A running agent takes up its configuration file, a changed one as well as one that appears at its default place, within about two
seconds: once the file has stayed the same for one. It may be written in place, renamed over the old one, or be swapped
behind a link, as Kubernetes does with a ConfigMap. A file with errors is told with their places and changes nothing, and so is one
that is gone; the old configuration stays in force. SIGHUP reads everything again at once, and goes on without a file of a
default place that is gone. Files stay where they are read, and lines on their way arrive once. A key in a file of its own is read
again when the server rejects the old one.

## The ingestion key

It is best kept where no other user sees it, and the place that is named first here counts before those behind it: a flag
(which every user of the host can see), the environment, the configuration file; in each of them either the key itself or
\`INGESTION_KEY_FILE\`, a file that holds nothing else, such as a mounted secret; and where none of them says anything, the
credential \`ingestion-key\` of the service:

\`\`\`ini
[Service]
LoadCredential=ingestion-key:/etc/logdna/key
\`\`\`

A file, and a credential, is read again when the server rejects the key, so a new one counts without a restart. The salt of
redaction (\`REDACT_SALT\`) can come from a file, too. No output shows either of them.

## What the agent gives away

Started as root, the agent becomes the user \`logdna-agent\`, or 65534 where there is none, and keeps no capability but
\`CAP_DAC_READ_SEARCH\`, and that only if something that it watches takes it. It can read the log directories, its program, its
configuration, certificates and the resolver's files; write its state directory; connect to the server's port, or to that of the
proxy before it instead, and to DNS; and nothing else. Its first log line says what was put on, and what this kernel leaves open. \`CONFINEMENT\` decides what happens
where a layer cannot be had; \`NO_CAP\` refuses the capability.

What was given away does not come back. When the agent needs more than it kept (a log directory that appears, a first file
that only root may read, other directories or another server in a changed configuration, a replaced \`/etc/resolv.conf\`), it sends
what is in hand and ends with status 75, for the service manager to start it anew at once. Nothing is lost by that: what
came meanwhile is read from its start, unless \`LOOKBACK\` is \`none\` or, for new
files, \`tail\`, which skip it as at every start.

## Proxies and certificates

One proxy is on the way to the server, or none: that of \`PROXY\`, else of \`https_proxy\` or \`HTTPS_PROXY\` (for plain HTTP
\`http_proxy\`, in lower case only, since web servers let clients set the other), else of \`all_proxy\` or \`ALL_PROXY\`; unless
\`NO_PROXY\` names the server, or it is on this host. It is asked for a connection (CONNECT), so it sees the server's name and
nothing of what is sent, unless \`USE_SSL\` is false. The user and password of its URL are taken out of the environment and the
command line of the confined agent. While a proxy refuses, it is asked again every ten seconds only.

Files of authorities, and the client's certificate and key, are looked at every second while there is something to send: renewed
ones count without a restart, and connections that were made before are closed. What cannot be used, such as a certificate
whose key has not been replaced yet, is told, and changes nothing.

## Which files ship

A file ships if it is in a log directory, an inclusion matches it, and no exclusion does. An entry of \`LOG_DIRS\` may also
be a single file or a glob pattern (\`*\` stays within one directory there, \`**\` crosses, a leading dot must be written, as
in v1); a file that is named so ships whatever the inclusions say, unless it is excluded. A pattern that names a directory
stands for that directory.

- **Globs** match the whole path, and \`*\` crosses \`/\`: \`*.log\` is any path that ends in \`.log\`, \`/var/log/**\`
  everything beneath, \`!(*.*)\` a path without a dot, \`{a,b}\` either, \`[ab]\` and \`?\` one character, which is not \`/\`.
- **Regular expressions** are those of Rust's \`regex\` crate, searched for anywhere in the path: Unicode classes, \`(?i)\`,
  \`(?x)\`, \`(?P<name>…)\`, \`[[:alpha:]]\`, \`[a-z&&[^aeiou]]\`, \`\\A\`, \`\\z\`. [What is not taken](rules.md) is an error at the start.
- \`exclude_regex\` in the v1 file is about paths, as the v2 agent read it. For lines there is \`line_exclusion_regex\`.
- The v1 agent also shipped files without an extension, such as \`/var/log/syslog\`. For the directories of a v1 file (\`logdir\`) the default
  of the inclusions has them too: \`/var/log/**/!(*.*)\` for \`/var/log\`. A v1 file without \`logdir\` stands for \`/var/log\`, as in v1, unless
  there is a YAML file. As with every default, inclusions of the environment and of flags add to it, and those of a file take its place.
  Elsewhere add \`!(*.*)\` to the inclusions, which is a path without a dot, or name the files in \`LOG_DIRS\`.
- Where a log directory is a symbolic link, or lies under one, its files have two names: that under the directory as it is
  configured, and their real path. Inclusions, exclusions and the paths of \`log.rules\` count if they match either. Lines are
  shipped with the real path, which the agent tells at its start (\`root_resolved\`). A name by another link, which no log
  directory is configured by, matches nothing. Links within a log directory are no other names.

What is done with the lines of the files that ship, for all of them or by path, is in [rules](rules.md).
`;
