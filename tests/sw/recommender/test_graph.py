"""The user's graph vector from two hops on the accelerator."""

import numpy as np

from gatewright.recommender.graph import Graph


def test_vector_is_near_lightgcn(accelerator, small_trained, small_quantised):
    graph = Graph(accelerator, small_quantised.graph)
    expected = small_trained.reference().user_graph.numpy()
    found = np.stack([graph.vector(user) for user in range(small_trained.data.n_users)])
    assert found.dtype == np.float32
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    assert (found * expected).sum(1).min() > 0.998


def test_items_are_the_users_ratings_in_time_order(accelerator, small_trained, small_quantised):
    graph, data = Graph(accelerator, small_quantised.graph), small_trained.data
    assert np.array_equal(graph.items_of(3), data.items[data.user_ptr[3] : data.user_ptr[4]])


def test_a_request_reads_at_most_the_budget_of_edges(accelerator, small_quantised):
    values = small_quantised.graph
    user = int(np.argmax(np.diff(values.by_user.row_ptr)))
    whole = Graph(accelerator, values).vector(user)
    hop = values.by_item.degrees[Graph(accelerator, values).items_of(user)].sum()
    for budget in (hop // 2, 0):
        limited = Graph(accelerator, values, int(budget))
        read = []

        def aggregate(edges, *rest, run=limited._aggregate, read=read):
            read.append(edges.nnz)
            return run(edges, *rest)

        limited._aggregate = aggregate
        vector = limited.vector(user)
        own = np.diff(values.by_user.row_ptr)[user]
        assert sum(read) - 2 * own <= budget
        assert vector @ whole > 0.999
