/** What a program may still do, as plain data, and giving everything else away before it begins its work. */
export { afterConfinement, type Confinement } from "./after_confinement.ts";
export { buildPolicy, type PolicyInputs } from "./build_policy.ts";
export { canLeaveRoot, mayReadAll } from "./capabilities.ts";
export { confine, type NewImage } from "./confine.ts";
export { ConfinementError } from "./confinement_error.ts";
export { type Facts, type ThreadFacts, threadFacts } from "./facts.ts";
export { GrantedFiles } from "./granted_files.ts";
export { receiveSecrets } from "./handover.ts";
export { landlockAbi } from "./landlock.ts";
export { type CallResult, type Libc, libc } from "./libc.ts";
export { unescapeMountPoint } from "./mount_point.ts";
export { privateMountsOf } from "./mounts.ts";
export { needsCapability } from "./needs_capability.ts";
export { giveUpForeignFunctions, nodePermissions } from "./node_permissions.ts";
export { LAYERS, type Layer, type Outcome } from "./outcome.ts";
export { type ConfinementMode, describePolicy, type Policy } from "./policy.ts";
export { trustedPath } from "./trusted_path.ts";
export { NOBODY, unprivilegedUser } from "./unprivileged_user.ts";
