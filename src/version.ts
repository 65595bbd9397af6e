/** The version of this library: that of `package.json`, which a test compares. Others are told it, to be shown. */
export const VERSION = "0.1.0";
