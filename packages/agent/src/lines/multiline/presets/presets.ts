import type { MultilinePreset } from "../../../config/line_options.ts";
import type { Machine } from "../machine.ts";
import { go } from "./go.ts";
import { java } from "./java.ts";
import { node } from "./node.ts";
import { python } from "./python.ts";
import { ruby } from "./ruby.ts";

export const PRESETS: Readonly<Record<MultilinePreset, Machine>> = { java, python, go, node, ruby };
