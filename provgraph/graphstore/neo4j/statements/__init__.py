"""
Every statement on the graph in Neo4j, each a named constant; how nodes and edges are laid out is told in `statement`.

=============  =====================================================
`statement`    the layout, and what a statement is
`graphs`       schema, which graph is served, how far each has come
`writes`       apply events
`orders`       put events in order inside their moments
`reads`        look things up
`walks`        follow edges
`views`        look back: the graph as of an earlier time or position
`scans`        read everything, page by page
`checks`       look for what is wrong by itself
`mends`        put right what differs from the log
=============  =====================================================
"""
