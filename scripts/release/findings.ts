/**
 * What keeps a version from being published: fields of package.json that are placeholders or do not fit each other, and
 * a changelog that does not tell of it. Pure.
 */

/** The fields of package.json that say where the project lives and whose it is: the one place where that stands. */
export interface ReleaseManifest {
  readonly version: string;
  readonly private?: boolean;
  readonly homepage?: string;
  readonly repository?: { readonly url?: string };
  readonly bugs?: { readonly url?: string };
  readonly author?: string | { readonly name?: string };
}

export interface ReleaseFacts {
  readonly manifest: ReleaseManifest;
  readonly changelog: string;
  /** Of today, as `YYYY-MM-DD`: no version was released in the future. */
  readonly today: string;
  /** The tag that is to be published, if it is known. */
  readonly tag?: string | undefined;
}

/** Names that end so can never exist: a placeholder that nobody can take for an address. */
const placeholder = /\.invalid\b/;

/** One line for each thing that has to be done first; none if the version may be published. */
export function releaseFindings({ manifest, changelog, today, tag }: ReleaseFacts): string[] {
  return [
    ...fieldFindings(manifest),
    ...changelogFindings(manifest.version, changelog, today),
    ...(tag === undefined || tag === `v${manifest.version}`
      ? []
      : [`the tag is ${tag}, and package.json has version ${manifest.version}`]),
  ];
}

function fieldFindings({
  homepage,
  repository,
  bugs,
  author,
  private: isPrivate,
}: ReleaseManifest): string[] {
  const fields = {
    homepage,
    "repository.url": repository?.url,
    "bugs.url": bugs?.url,
    author: typeof author === "object" ? author.name : author,
  };
  const findings = Object.entries(fields).flatMap(([field, value = ""]) => {
    if (value.trim() === "") return [`package.json: ${field} is missing`];
    if (placeholder.test(value)) return [`package.json: ${field} is still a placeholder: ${value}`];
    const needsAddress = field !== "author" && !/^(git\+)?https:\/\/[^/\s]+\.[^/\s]+\/\S*$/.test(value);
    return needsAddress ? [`package.json: ${field} is no https address: ${value}`] : [];
  });
  if (isPrivate === true) findings.push("package.json: it is private");
  const page = repository?.url?.replace(/^git\+/, "").replace(/\.git$/, "");
  if (page !== undefined && bugs?.url !== undefined && !bugs.url.startsWith(`${page}/`)) {
    findings.push(`package.json: bugs.url is not of the repository ${page}`);
  }
  return findings;
}

function changelogFindings(version: string, changelog: string, today: string): string[] {
  const headings = [...changelog.matchAll(/^## \[(.+?)\](?: - (.*))?$/gm)];
  const [, newest] = /^## \[(?!Unreleased\])(.+?)\]/m.exec(changelog) ?? [];
  const findings: string[] = [];
  if (newest !== version)
    findings.push(`CHANGELOG.md: the newest version is ${newest ?? "none"}, not ${version}`);
  const [, , date] = headings.find(([, name]) => name === version) ?? [];
  if (newest === version && !/^\d{4}-\d{2}-\d{2}$/.test(date ?? "")) {
    findings.push(`CHANGELOG.md: the heading of ${version} has no date (## [${version}] - YYYY-MM-DD)`);
  } else if (date !== undefined && date > today) {
    findings.push(`CHANGELOG.md: ${version} is dated ${date}, and today is ${today}`);
  }
  const unreleased = /^## \[Unreleased\]\n([\s\S]*?)(?=^## )/m.exec(changelog)?.[1] ?? "";
  if (/^- /m.test(unreleased))
    findings.push("CHANGELOG.md: Unreleased has entries; move them under a version");
  return findings;
}
