/** What the contract needs to run over a broker: each node behind a proxy of its own, so that it can be cut off. */
import { randomText } from "../../src/runtime.js";
import type { ContractNode, OpenNodes } from "../../src/testing/pubsub-contract.js";
import { TcpProxy } from "../support/tcp-proxy.js";
import type { Broker } from "./servers.js";

/** A node, and how to end the clients under it. */
export interface OpenedNode {
  readonly node: ContractNode;
  end(): Promise<unknown>;
}

export type OpenNode = (url: string, nodeName: string, prefix: string) => Promise<OpenedNode>;

export function nodesBehindProxies(broker: () => Pick<Broker, "url">, open: OpenNode): OpenNodes {
  return async (names) => {
    const prefix = `test-${randomText(8)}`;
    const opened = await Promise.all(
      names.map(async (nodeName) => {
        const { url } = broker();
        const proxy = await TcpProxy.to({ host: url.hostname, port: Number(url.port) });
        return { proxy, ...(await open(behind(proxy, url), nodeName, prefix)) };
      }),
    );
    return {
      nodes: opened.map(({ node }) => node),
      async cut(node) {
        const proxy = opened.find((each) => each.node === node)?.proxy;
        await proxy?.cut();
        return () => proxy?.join();
      },
      hang(node) {
        opened.find((each) => each.node === node)?.proxy.hang();
      },
      async end() {
        await Promise.all(
          opened.map(async ({ node, proxy, end }) => {
            await node.close?.();
            await end();
            await proxy.cut();
          }),
        );
      },
    };
  };
}

export function behind(proxy: TcpProxy, url: URL): string {
  const proxied = new URL(url);
  proxied.hostname = "127.0.0.1";
  proxied.port = String(proxy.port);
  return proxied.href;
}
