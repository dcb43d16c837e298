import type { Client, ClientOptions } from "openapi-fetch";
import type { components, paths } from "./schema.js";

export type { components, operations, paths } from "./schema.js";

/** The types of bodies by name: Schemas["HubInstallation"]. */
export type Schemas = components["schemas"];

/**
 * A client of one Usher: `const { data, error } = await usher(url, key).GET("/v1/notifications")`.
 * key is a machine's key, or an app's access token.
 */
export function usher(url: string, key: string, options?: ClientOptions): Client<paths>;
