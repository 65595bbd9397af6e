/** The page of the rooms: what each worker holds, as a table that is brought up to date, and who is in a room. */
export const page = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <title>Ten thousand rooms</title>
    <style>
      body { font: 16px/1.5 system-ui, sans-serif; max-width: 50rem; margin: 3rem auto; padding: 0 1rem; }
      table { border-collapse: collapse; width: 100%; }
      th, td { text-align: right; padding: 0.3rem 0.6rem; border-bottom: 1px solid #ccc; }
      th:first-child, td:first-child { text-align: left; }
      meter { width: 8rem; }
    </style>
  </head>
  <body>
    <h1>Ten thousand rooms</h1>
    <p id="all" role="status"></p>
    <table>
      <thead>
        <tr>
          <th scope="col">worker</th>
          <th scope="col">users of its own</th>
          <th scope="col">held of others</th>
          <th scope="col">rooms followed</th>
          <th scope="col">share of all</th>
        </tr>
      </thead>
      <tbody id="workers"></tbody>
    </table>
    <form id="read">
      <p>
        <label>Who is in room <input name="room" type="number" min="0" max="9999" value="42" /></label>
        <button>Look</button>
      </p>
    </form>
    <p id="members" role="status"></p>
    <script type="module">
      const get = async (path) => (await fetch(path)).json();
      const byId = (id) => document.getElementById(id);
      const cell = (content) => {
        const td = document.createElement("td");
        td.append(typeof content === "number" ? content.toLocaleString("en-US") : content);
        return td;
      };
      const meter = (value) => Object.assign(document.createElement("meter"), { value });
      const show = async () => {
        const nodes = await get("/nodes");
        const all = nodes.reduce((sum, { users }) => sum + users, 0);
        byId("all").textContent =
          all.toLocaleString("en-US") + " users. A worker that held everything would hold all of them.";
        byId("workers").replaceChildren(
          ...nodes.map(({ name, users, heldOfOthers, roomsFollowed }) => {
            const row = document.createElement("tr");
            row.append(cell(name), cell(users), cell(heldOfOthers), cell(roomsFollowed));
            row.append(cell(meter((users + heldOfOthers) / Math.max(1, all))));
            return row;
          }),
        );
      };
      byId("read").addEventListener("submit", async (event) => {
        event.preventDefault();
        const { seenBy, members } = await get("/rooms/" + new FormData(byId("read")).get("room"));
        byId("members").textContent =
          (members.length === 0 ? "Nobody" : members.join(", ")) + " (as " + seenBy + " sees it)";
      });
      await show();
      setInterval(show, 1000);
    </script>
  </body>
</html>
`;
