export { Dashboard, type DashboardOptions } from './dashboard.js';
export type { ReportOptions } from './options.js';
export { Report } from './report.js';
