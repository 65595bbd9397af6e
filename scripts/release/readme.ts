/**
 * The README as the tarball has it: its links and pictures lead into the repository, at the tag of the version, because
 * a page of a registry has none of the files beside it. Pure.
 */
export interface Source {
  /** The address of the repository, as in package.json. */
  readonly repositoryUrl: string;
  readonly version: string;
  /** Whether a path of the repository is a folder. */
  readonly isFolder: (path: string) => boolean;
}

const code = /(^```[\s\S]*?^```$|`[^`\n]*`)/m;

/** The text with every relative link made absolute. What stands in code, and anchors of the page, stay. */
export function absoluteReadme(text: string, source: Source): string {
  return text
    .split(code)
    .map((part, index) => (index % 2 === 1 ? part : absoluteLinks(part, source)))
    .join("");
}

function absoluteLinks(text: string, { repositoryUrl, version, isFolder }: Source): string {
  const page = repositoryUrl.replace(/^git\+/, "").replace(/\.git$/, "");
  const ref = `v${version}`;
  return text.replace(/(!?\[[^\]]*\])\(([^)\s]+)\)/g, (link, label: string, target: string) => {
    if (/^([a-z]+:|#)/i.test(target)) return link;
    const path = target.replace(/^\.\//, "");
    const kind = label.startsWith("!") ? "raw" : isFolder(path.replace(/#.*$/, "")) ? "tree" : "blob";
    return `${label}(${page}/${kind}/${ref}/${path})`;
  });
}
