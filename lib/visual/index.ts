export { featureMaps, filters } from './layers.js';
export { grid, type GridOptions } from './picture.js';
export { savePng, type Picture } from './png.js';
export { gradCam, saliency, type ClassOptions } from './saliency.js';
