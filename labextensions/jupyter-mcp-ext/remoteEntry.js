"use strict";
// Links JupyterLab's launcher, Help menu and command palette to the page for people.
//
// It is written by hand, so that no build is needed: what JupyterLab loads of an extension is a
// container of webpack's module federation, an object with `init` and `get`.
(() => {
  const NAME = "jupyter-mcp-ext";
  const COMMAND = `${NAME}:open-page`;
  const ICON = `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24">
    <path class="jp-icon3 jp-icon-selectable" fill="#616161" fill-rule="evenodd"
      d="M11 2h2v4h5a3 3 0 0 1 3 3v8a3 3 0 0 1-3 3H6a3 3 0 0 1-3-3V9a3 3 0 0 1 3-3h5zM6 8a1 1 0 0
        0-1 1v8a1 1 0 0 0 1 1h12a1 1 0 0 0 1-1V9a1 1 0 0 0-1-1zM7.5 10h3v3h-3zm6 0h3v3h-3zM8
        15h8v1.5H8zM0 11h2v4H0zm22 0h2v4h-2z"/></svg>`;

  let shared = {};

  // JupyterLab's own copy of a package, since its tokens are known by identity; undefined in
  // an application that has no such package.
  async function own(name) {
    const copies = Object.values(shared[name] ?? {});
    const copy = copies.find(({ loaded }) => loaded) ?? copies[0];
    return copy && (await copy.get())();
  }

  function plugin(url, icon, places) {
    return {
      id: `${NAME}:page`,
      description: "Opens the page that shows what agents do on this server.",
      autoStart: true,
      optional: places.map(({ token }) => token),
      activate: ({ commands }, ...services) => {
        commands.addCommand(COMMAND, {
          label: "Agents on This Server",
          caption: "Show what agents do on this server, and stop them",
          icon,
          execute: () => void window.open(url, "_blank", "noopener"),
        });
        places.forEach(({ add }, index) => services[index] && add(services[index]));
      },
    };
  }

  async function plugins() {
    const { PageConfig } = await own("@jupyterlab/coreutils");
    // The server says where the page is; it says nothing where there is none.
    const page = PageConfig.getOption("mcpPageUrl");
    if (!page) return [];
    const url = new URL(page, PageConfig.getBaseUrl()).href;
    const [{ LabIcon }, menus, launchers, utilities] = await Promise.all(
      ["ui-components", "mainmenu", "launcher", "apputils"].map((name) => own(`@jupyterlab/${name}`)),
    );
    const places = [
      { token: menus?.IMainMenu, add: (menu) => menu.helpMenu.addGroup([{ command: COMMAND }]) },
      { token: launchers?.ILauncher, add: (launcher) => launcher.add({ command: COMMAND }) },
      {
        token: utilities?.ICommandPalette,
        add: (palette) => palette.addItem({ command: COMMAND, category: "Help" }),
      },
    ];
    const icon = new LabIcon({ name: `${NAME}:agents`, svgstr: ICON });
    return [plugin(url, icon, places.filter(({ token }) => token))];
  }

  (window._JUPYTERLAB ??= {})[NAME] = {
    init: (scope) => {
      shared = scope;
    },
    get: async () => {
      const found = await plugins();
      return () => ({ __esModule: true, default: found });
    },
  };
})();
