/**
 * What is used of `node:http`, as `require` would give it. An import asks for everything that the module has, and one of that,
 * `WebSocket`, loads Undici: 6 MB of private memory and 15 MB of RSS. (`node:https` has no such thing.)
 */
const http = process.getBuiltinModule("node:http");

export const Agent: typeof http.Agent = http.Agent;
export const createServer: typeof http.createServer = http.createServer;
export const request: typeof http.request = http.request;
