import { type CSSProperties, useCallback, useDeferredValue, useState } from "react";
import { entries, type Product, products, type User } from "../api/shop.ts";
import { useAct } from "../hooks/useAct.ts";
import { useLoad } from "../hooks/useLoad.ts";
import { Banner } from "../parts/Banner.tsx";
import { Button } from "../parts/Button.tsx";
import { Contours, hashOf } from "../parts/Contours.tsx";
import { Empty } from "../parts/Empty.tsx";
import { Icon } from "../parts/Icon.tsx";
import { PageHead } from "../parts/PageHead.tsx";
import { Spinner } from "../parts/Spinner.tsx";
import { count, price } from "../parts/words.ts";
import { go, logInPath } from "../routing.ts";
import { useSession } from "../session.ts";

const PAGE_SIZE = 100;
const HUES = [152, 36, 204, 12, 84, 262, 330, 180, 55];

function hueOf(category: string | null): number {
  return HUES[hashOf(category ?? "") % HUES.length] ?? 0;
}

function matches(product: Product, search: string): boolean {
  const text = `${product.name} ${product.category ?? ""}`.toLocaleLowerCase();
  return search.toLocaleLowerCase().split(/\s+/).every((word) => text.includes(word));
}

function stockWords(stock: number | null): string {
  if (stock === null) return "";
  if (stock === 0) return "Sold out";
  return stock < 5 ? `Only ${stock} left` : `${stock} in stock`;
}

function SearchBox({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  return (
    <div className="search" role="search">
      <Icon name="search" />
      <input
        type="search"
        aria-label="Search products"
        placeholder="Search products"
        value={value}
        onChange={(event) => onChange(event.target.value)}
      />
    </div>
  );
}

function ProductCard({ product, user }: { product: Product; user: User | null }) {
  const { isBusy, run } = useAct();
  const put = () => {
    if (user === null) return go(logInPath("/"));
    const me = String(user.id);
    void run(async () => {
      await entries.create({ title: product.name, owner: me, members: [me], done: false });
    }, `${product.name} is on your list.`);
  };
  return (
    <li className="product" style={{ "--hue": hueOf(product.category) } as CSSProperties}>
      <Contours seed={product.name} />
      <div className="product-text">
        <p className="eyebrow">{product.category}</p>
        <h2>{product.name}</h2>
        <p className="product-foot">
          <strong>{price(product.price)}</strong>
          <span className={product.stock === 0 ? "sold-out" : "muted"}>{stockWords(product.stock)}</span>
        </p>
        <Button icon="plus" isBusy={isBusy} onClick={put}>
          Put on my list
        </Button>
      </div>
    </li>
  );
}

export function Catalogue() {
  const session = useSession();
  const user = session.state === "signed-in" ? session.user : null;
  const isSignedOut = session.state === "signed-out";
  // Signing out changes what may be read, so it loads again.
  const load = useCallback((signal: AbortSignal) => products.list({ limit: PAGE_SIZE }, signal), [isSignedOut]);
  const { data, failure, isLoading, reload } = useLoad(load);
  const [search, setSearch] = useState("");
  const wanted = useDeferredValue(search.trim());
  const shown = data?.items.filter((product) => matches(product, wanted)) ?? [];
  return (
    <>
      <PageHead title="Catalogue" intro={data ? count(shown.length, "product") : "Provisions for the way out."}>
        <SearchBox value={search} onChange={setSearch} />
      </PageHead>
      <Banner failure={failure} onRetry={() => void reload()} isBusy={isLoading} />
      {data === null && isLoading && failure === null && <Spinner label="Loading the catalogue…" />}
      {data?.items.length === 0 && <Empty title="The shelves are empty">An administrator can add products.</Empty>}
      {data !== null && data.items.length > 0 && shown.length === 0 && (
        <Empty title="Nothing found">
          No product matches “{wanted}”.
          <Button look="quiet" onClick={() => setSearch("")}>
            Show all
          </Button>
        </Empty>
      )}
      <ul className="products">
        {shown.map((product) => (
          <ProductCard key={product.id} product={product} user={user} />
        ))}
      </ul>
    </>
  );
}
