/** What a platform may have to decode base64 with; Node's Buffer takes a fraction of a loop over `atob`'s text. */
interface Platform {
  readonly Uint8Array: { readonly fromBase64?: (text: string) => Uint8Array<ArrayBuffer> };
  readonly Buffer?: { readonly from: (text: string, encoding: "base64") => Uint8Array<ArrayBuffer> };
}

/** The bytes of base64 text. */
export function decodeBase64(text: string): Uint8Array<ArrayBuffer> {
  const platform = globalThis as Platform;
  if (platform.Uint8Array.fromBase64 !== undefined) return platform.Uint8Array.fromBase64(text);
  if (platform.Buffer !== undefined) return platform.Buffer.from(text, "base64");
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

/** The bytes of base64 text in a buffer of their own: generated tables, little-endian as WebAssembly's memory. */
export function tableBytes(text: string): ArrayBuffer {
  const { buffer, byteOffset, byteLength } = decodeBase64(text);
  return buffer.slice(byteOffset, byteOffset + byteLength);
}
