/** What the simulator takes from Node, for a browser. */

/** Lends it to the page; to be called before the simulator runs. */
export function lendNodesParts(): void {
  const scope = globalThis as Record<string, unknown>;
  if (typeof scope["setImmediate"] !== "function") {
    const { port1, port2 } = new MessageChannel();
    const waiting: (() => void)[] = [];
    port1.onmessage = () => waiting.shift()?.();
    // A message is a task of its own, after all promises: what the virtual time needs, and sooner than a timer.
    scope["setImmediate"] = (callback: () => void) => {
      waiting.push(callback);
      port2.postMessage(undefined);
    };
  }
  scope["Buffer"] ??= { byteLength: (text: string) => new TextEncoder().encode(text).length };
}
