import { useGraphiQL } from "@graphiql/react";
import { useEffect } from "react";

/**
 * Makes the tabs a list of buttons. GraphiQL gives the role of a tab to an element that contains two buttons;
 * screen readers do not find buttons inside a tab.
 */
export function useTabRoles(): void {
  const tabs = useGraphiQL(({ tabs }) => tabs);
  const activeTabIndex = useGraphiQL(({ activeTabIndex }) => activeTabIndex);
  useEffect(() => {
    document.querySelector(".graphiql-tabs")?.removeAttribute("role");
    document.querySelectorAll(".graphiql-tab").forEach((tab, index) => {
      tab.removeAttribute("role");
      tab.removeAttribute("aria-selected");
      const button = tab.querySelector(".graphiql-tab-button")!;
      button.setAttribute("aria-current", String(index === activeTabIndex));
    });
  }, [tabs, activeTabIndex]);
}
