import { Command } from 'commander';
import { benchCommand } from './bench/index.js';
import { buildCommand } from './build.js';
import { evalCommand } from './eval.js';
import { exportCommand } from './export.js';
import { infoCommand } from './info.js';
import { version } from '../package.js';
import { predictCommand } from './predict.js';
import { quickstartCommand } from './quickstart.js';
import { resumeCommand } from './resume.js';
import { summaryCommand } from './summary.js';
import { trainCommand } from './train.js';

/** The whole command line. */
export const program = new Command('striate')
  .description('Trains convolutional neural networks on the CPU.')
  .version(version)
  .addCommand(trainCommand())
  .addCommand(resumeCommand())
  .addCommand(evalCommand())
  .addCommand(predictCommand())
  .addCommand(exportCommand())
  .addCommand(summaryCommand())
  .addCommand(benchCommand())
  .addCommand(infoCommand())
  .addCommand(buildCommand())
  .addCommand(quickstartCommand(), { hidden: true });
