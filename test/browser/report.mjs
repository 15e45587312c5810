// Prints one line per check, `ok: ...` or `FAILED: ...`, and at the end how many of each. The process
// fails if a check has failed.
let passed = 0;
let failed = 0;

/** Runs one check; what it returns is said beside its name. What it throws is its failure. */
export async function check(name, run) {
  try {
    const note = await run();
    passed += 1;
    console.log(`ok: ${name}${note ? ` (${note})` : ''}`);
  } catch (error) {
    failed += 1;
    console.log(
      `FAILED: ${name}\n    ${String(error.message ?? error)
        .trim()
        .split('\n')
        .slice(0, 12)
        .join('\n    ')}`,
    );
  }
}

/** To be called last. */
export function finish() {
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
}
