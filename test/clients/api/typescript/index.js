import createClient from "openapi-fetch";

/**
 * A client of one Usher. key is a machine's key, or an app's access token.
 * @param {string} url such as https://tickets.example.org
 * @param {string} key
 */
export function usher(url, key, options = {}) {
  return createClient({ ...options, baseUrl: url, headers: { ...options.headers, Authorization: `Bearer ${key}` } });
}
