// Apart from what reads the file, so that valibot is loaded only where there is one.
import * as v from 'valibot';

const schema = v.strictObject({
  format: v.literal('striate.search'),
  version: v.literal(1),
  search: v.record(v.string(), v.unknown()),
  outcomes: v.array(
    v.strictObject({
      trial: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
      rung: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
      sample: v.unknown(),
      score: v.nullable(v.pipe(v.number(), v.finite())),
      error: v.nullable(v.string()),
    }),
  ),
});

/** What the file of a search holds; null where `json` is something else. */
export function stateOf(json: unknown): v.InferOutput<typeof schema> | null {
  const result = v.safeParse(schema, json);
  return result.success ? result.output : null;
}
