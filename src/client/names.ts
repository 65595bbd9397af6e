/** The check of options for browsers: it weighs little, so it knows no nearest name. */

/** @throws TypeError, of code `INVALID_OPTION`, for what is no object, or has a property that is no option. */
export function requireNames(options: object, names: readonly string[]): void {
  if (Object(options) !== options) throw invalid(`Expected options: ${names.join(", ")}`);
  for (const option of Object.keys(options)) {
    if (names.includes(option)) continue;
    throw invalid(`There is no option \`${option.slice(0, 40)}\`; options are ${names.join(", ")}`);
  }
}

export function invalid(message: string): TypeError {
  return Object.assign(new TypeError(message), { code: "INVALID_OPTION" });
}
