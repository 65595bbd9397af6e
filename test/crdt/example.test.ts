/**
 * Runs `examples/crdt-laws` as its reader would: importing it registers its test here.
 */
import "../../examples/crdt-laws/laws.js";
