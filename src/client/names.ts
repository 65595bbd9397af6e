/** The check of options for browsers: it weighs little, so it knows no nearest name. */

/** @throws TypeError, of code `INVALID_OPTION`, for a property of the options that is no option. */
export function requireNames(options: object, names: readonly string[]): void {
  for (const option of Object.keys(options)) {
    if (names.includes(option)) continue;
    const message = `There is no option \`${option.slice(0, 40)}\`; options are ${names.join(", ")}`;
    throw Object.assign(new TypeError(message), { code: "INVALID_OPTION" });
  }
}
