import { Command } from 'commander';
import { convCommand } from './conv.js';
import { inferCommand, trainCommand } from './networks.js';
import { opsCommand } from './ops.js';
import { peakCommand } from './peak.js';

export function benchCommand(): Command {
  return new Command('bench')
    .description('Measure speed: of the machine, of convolutions, of other operations, of networks.')
    .addCommand(peakCommand())
    .addCommand(convCommand())
    .addCommand(opsCommand())
    .addCommand(trainCommand())
    .addCommand(inferCommand());
}
