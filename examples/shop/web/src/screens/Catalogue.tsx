import { useQuery } from "hinterland/react";
import { type CSSProperties, useEffect, useState } from "react";
import { entries, shop } from "../api/records.ts";
import type { Product, User } from "../api/shop.ts";
import { useAct } from "../hooks/useAct.ts";
import { Banner } from "../parts/Banner.tsx";
import { Button } from "../parts/Button.tsx";
import { Contours, hashOf } from "../parts/Contours.tsx";
import { Empty } from "../parts/Empty.tsx";
import { Icon } from "../parts/Icon.tsx";
import { More, useWindow } from "../parts/More.tsx";
import { PageHead } from "../parts/PageHead.tsx";
import { Spinner } from "../parts/Spinner.tsx";
import { count, price } from "../parts/words.ts";
import { go, logInPath } from "../routing.ts";
import { useUser } from "../session.ts";

const SEARCH_PAUSE_MS = 250;
const HUES = [152, 36, 204, 12, 84, 262, 330, 180, 55];

function hueOf(category: string | null): number {
  return HUES[hashOf(category ?? "") % HUES.length] ?? 0;
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
        dir="auto"
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
        <p className="eyebrow" dir="auto">
          {product.category}
        </p>
        <h2 dir="auto">{product.name}</h2>
        <p className="product-foot">
          <strong>{price(product.price)}</strong>
          <bdi className={product.stock === 0 ? "sold-out" : "muted"}>{stockWords(product.stock)}</bdi>
        </p>
        <Button icon="plus" isBusy={isBusy} onClick={put}>
          Put on my list
        </Button>
      </div>
    </li>
  );
}

/** The newest value once it has rested for a while, so that not every key asks the server. */
function useRested<T>(value: T, ms: number): T {
  const [rested, setRested] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setRested(value), ms);
    return () => clearTimeout(timer);
  }, [value, ms]);
  return rested;
}

/** CEL: every word stands in the name or the category, whatever its case. The words become string literals. */
function searchFilter(search: string): string {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const holds = (field: string, word: string) => `record.${field}.lowerAscii().contains(${JSON.stringify(word)})`;
  return words.map((word) => `(${holds("name", word)} || ${holds("category", word)})`).join(" && ");
}

export function Catalogue() {
  const user = useUser();
  const [search, setSearch] = useState("");
  const wanted = useRested(search.trim(), SEARCH_PAUSE_MS);
  const filter = searchFilter(wanted);
  const { data, error, isLoading } = useQuery<Product>(shop(), "products", { sort: "name", ...(filter && { filter }) });
  const { shown, more } = useWindow(24);
  const reading = useAct();
  const isEmpty = data?.length === 0;
  return (
    <>
      <PageHead title="Catalogue" intro={data ? count(data.length, "product") : "Provisions for the way out."}>
        <SearchBox value={search} onChange={setSearch} />
      </PageHead>
      {data === undefined && <Banner failure={error} onRetry={() => void reading.run(shop().refresh)} isBusy={reading.isBusy} />}
      {data === undefined && error === undefined && <Spinner label="Loading the catalogue…" />}
      {isEmpty && wanted === "" && <Empty title="The shelves are empty">An administrator can add products.</Empty>}
      {isEmpty && wanted !== "" && (
        <Empty title="Nothing found">
          No product matches “{wanted}”.
          <Button look="quiet" onClick={() => setSearch("")}>
            Show all
          </Button>
        </Empty>
      )}
      <ul className="products" aria-busy={isLoading}>
        {data?.slice(0, shown).map((product) => (
          <ProductCard key={product.id} product={product} user={user} />
        ))}
      </ul>
      <More isMore={data !== undefined && data.length > shown} onMore={more} />
    </>
  );
}
