/**
 * Seeds that ever failed. They always run. A seed means what it meant only as long as schedules are made in the
 * same way: what a seed has shown is therefore also kept, as short as it could be made, in `found.test.ts`.
 */
export const regressionSeeds: readonly number[] = [
  14, 23, 25, 32, 42, 126, 133, 149, 178, 181, 195, 200, 232, 257, 464, 493, 649, 676, 827, 2012, 2128, 2734,
  2792, 4003, 11183, 544851241, 544851264, 544872278, 544872411, 544908572, 544909026, 544908728, 544909654,
  544934339, 544935986, 545113169, 545113560, 545113774, 545115914, 545120024, 545120516, 545115983,
  545365405, 545485689, 545554190, 545556757, 545567666, 545588496, 545854397, 545859200, 545860220,
  545861310,
];
