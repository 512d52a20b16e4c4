import { closeNotice, useNotice } from "../notices.ts";
import { Icon } from "./Icon.tsx";

/** Both regions stay in the page, so that screen readers hear what appears in them. */
export function NoticeBar() {
  const notice = useNotice();
  const body = notice && (
    <div key={notice.id} className={`notice ${notice.kind}`}>
      <Icon name={notice.kind === "success" ? "check" : "alert"} />
      <p>
        <bdi>{notice.text}</bdi>
      </p>
      <button type="button" aria-label="Close message" onClick={closeNotice}>
        <Icon name="close" />
      </button>
    </div>
  );
  return (
    <div className="notices">
      <div role="status">{notice?.kind === "success" && body}</div>
      <div role="alert">{notice?.kind === "failure" && body}</div>
    </div>
  );
}
