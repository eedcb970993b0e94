import type { VNode } from "preact";
import { feed, session } from "./app_state.ts";
import { FacetPanel } from "./facet_panel.tsx";
import { HelpDialog } from "./help_dialog.tsx";
import { Histogram } from "./histogram.tsx";
import { LineDetail } from "./line_detail.tsx";
import { LogList } from "./log_list.tsx";
import { SignIn } from "./sign_in.tsx";
import { StatusBar } from "./status_bar.tsx";
import { Chips, Toolbar } from "./toolbar.tsx";

/** The whole page. */
export function App(): VNode {
  if (session.value === "out") return <SignIn />;
  return (
    <div class={`app${feed.detailOpen.value ? " app-detail" : ""}`}>
      <h1 class="unseen">Logs</h1>
      <Toolbar />
      <FacetPanel />
      <main class="main">
        <Chips />
        <Histogram />
        <LogList />
      </main>
      <LineDetail />
      <StatusBar />
      <HelpDialog />
    </div>
  );
}
