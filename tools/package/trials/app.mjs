// What a bundler makes one file of: the program below, which is in another.
import './train.mjs';
