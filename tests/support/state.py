"""Everything that can be seen of a StateStore, to compare two of them."""

FIELDS = (
    "market_id market status cause connection sequence ts_event ts_recv "
    "bid_px_e6 bid_sz_e6 ask_px_e6 ask_sz_e6 tick_size_e6 last_trade_price_e6 last_trade_size_e6"
).split()


def visible(store):
    """Return tokens in order, books, pairs, sums, counters, names, samples and verdicts as plain data."""
    tokens = []
    for asset_id in store.asset_ids():
        market = store.market(asset_id)
        values = [getattr(market, field) for field in FIELDS]
        tokens.append((values, market.bids(), market.asks(), market.bids(1), store.pair(asset_id)))
    sums = store.global_state(), store.counters(), store.names(), store.samples()
    return tokens, sums, store.outcomes(), store.incidents()


def plain(events):
    """Return events as tuples that begin with their kind, whichever core made them."""
    return [(event.kind, *event) for event in events]
