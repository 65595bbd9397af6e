/** What replication finds out, told to the listeners, each in its turn. Knows no frame and no timer. */
import type { TrackerError } from "../errors.js";
import type { News } from "../replication/step.js";
import type { Reporter } from "../reports.js";
import type { Delivery } from "./delivery.js";
import type { TrackerEvents } from "./events.js";
import type { Tracer } from "./tracer.js";
import { errorOfConflict, errorOfDivergence, errorOfRefusal, errorOfTrouble } from "./troubles.js";

export class Announcer {
  readonly #reporter: Reporter<TrackerEvents>;
  readonly #delivery: Delivery;

  readonly #tracer: Tracer;

  constructor(reporter: Reporter<TrackerEvents>, delivery: Delivery, tracer: Tracer) {
    this.#tracer = tracer;
    this.#reporter = reporter;
    this.#delivery = delivery;
  }

  tell(news: News): void {
    switch (news.type) {
      case "replicaDown":
        this.emit(news.type, news.life);
        return this.#tracer.down(news.life);
      case "replicaUp":
      case "replicaGone":
        return this.emit(news.type, news.life);
      case "replicaLink":
        return this.emit(news.type, { ...news.life, link: news.link });
      case "divergence":
        return this.report(() => errorOfDivergence({ ...news.life, shard: news.shard }));
      case "nameConflict":
        return this.report(() => errorOfConflict(news));
      case "trouble":
        return this.report(() => errorOfTrouble(news.trouble));
      case "refused":
        this.report(() => errorOfRefusal(news.reason));
        return this.#tracer.refused(news.reason);
      default:
        return news satisfies never;
    }
  }

  emit<Name extends keyof TrackerEvents>(name: Name, payload: TrackerEvents[Name]): void {
    this.#delivery.add(() => this.#reporter.emit(name, payload));
  }

  report(errorOf: () => TrackerError): void {
    this.#delivery.add(() => this.#reporter.error(errorOf()));
  }
}
