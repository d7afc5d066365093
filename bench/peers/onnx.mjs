// Times inference by ONNX Runtime: node onnx.mjs FILE THREADS SECONDS FACTS, one line of JSON.
import process from 'node:process';
import ort from 'onnxruntime-node';
import { medianMs } from './clock.mjs';

const [file, threads, seconds, facts] = process.argv.slice(2);
const { model, batch, side, channels } = JSON.parse(facts);
const session = await ort.InferenceSession.create(file, { intraOpNumThreads: Number(threads) });
const shape = [batch, channels, side, side];
const noise = Float32Array.from({ length: batch * channels * side * side }, () => Math.random() - 0.5);
const x = new ort.Tensor('float32', noise, shape);
const ms = await medianMs(() => session.run({ x }), Number(seconds));
console.log(JSON.stringify({ model, ms, residentBytes: process.resourceUsage().maxRSS * 1024 }));
