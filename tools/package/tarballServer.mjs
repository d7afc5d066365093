// Serves one file to this machine, for ten minutes at most; prints its address.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { basename } from 'node:path';
import process from 'node:process';

const [file] = process.argv.slice(2);
const path = `/${basename(file)}`;
const server = createServer((request, response) => {
  response.writeHead(request.url === path ? 200 : 404).end(request.url === path ? readFileSync(file) : '');
});
server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}${path}`));
setTimeout(() => process.exit(1), 600_000);
