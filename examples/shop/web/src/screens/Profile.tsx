import { client, type User } from "../api/shop.ts";
import { useAct } from "../hooks/useAct.ts";
import { useLoad } from "../hooks/useLoad.ts";
import { Banner } from "../parts/Banner.tsx";
import { Button } from "../parts/Button.tsx";
import { logOut } from "../parts/Frame.tsx";
import { PageHead } from "../parts/PageHead.tsx";
import { Storage } from "../parts/Storage.tsx";
import { initials, longDay } from "../parts/words.ts";

const loadUser = () => client.auth.me(); // also renews the user of the session

export function Profile({ user }: { user: User }) {
  const { failure, isLoading, reload } = useLoad(loadUser);
  const copying = useAct();
  const copyId = () => copying.run(() => navigator.clipboard.writeText(String(user.id)), "Your id is copied.");
  return (
    <>
      <PageHead title="Profile" intro="What this shop knows about you." />
      <Banner failure={failure} onRetry={() => void reload()} isBusy={isLoading} />
      <section className="card profile">
        <span className="avatar" aria-hidden="true">
          {initials(user.name)}
        </span>
        <div>
          <h2 dir="auto">{user.name}</h2>
          <p className="muted">{user.email}</p>
        </div>
        <dl>
          <div>
            <dt>Your id</dt>
            <dd>
              <code>{user.id}</code>
              <Button look="quiet" isBusy={copying.isBusy} onClick={() => void copyId()}>
                Copy
              </Button>
            </dd>
          </div>
          {user.created_at && (
            <div>
              <dt>Member since</dt>
              <dd>{longDay(user.created_at)}</dd>
            </div>
          )}
          <div>
            <dt>On this device</dt>
            <dd>
              <Storage />
            </dd>
          </div>
        </dl>
        <Button onClick={() => void logOut()}>Log out</Button>
      </section>
    </>
  );
}
