"""A trained model as a file of the Open Neural Network Exchange, which other programs and languages can run.

``graph`` collects what ONNX calls nodes; ``layers`` and ``deskew`` write each part of a network as nodes; ``export``
puts them together. It needs the extra ``onnx``, and may import ``stages.images`` and ``stages.mlp``.
"""
