/**
 * One clock for all processes of a machine. `performance.now()` has an origin of its own in each process; the
 * monotonic clock of the system has one for all.
 */
export function machineMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
