"""The settings of train: type, bounds, default and meaning of each."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from msgspec import Meta

from pipeline.stage import ChoicesOf, Parameters
from stages.shared.documents import Positive
from stages.shared.messages import counted

MOST_NETWORKS = 10_000  # of all folds
MOST_PROCESSES = 256  # each imports NumPy anew, and takes 100 MB at least
Sizes = tuple[Positive, ...]
Side = Annotated[int, Meta(ge=1, le=1024)]  # in pixels
Sides = Side | tuple[Side, ...]
ActivationName = Annotated[str, ChoicesOf("stages.mlp.layers.activations:ACTIVATIONS")]
Deskew = Annotated[str, ChoicesOf("stages.images.deskew:DESKEWS")]
AboveZero = Annotated[float, Meta(gt=0.0)]
Rate = Annotated[float, Meta(ge=0.0, lt=1.0)]
Strength = Annotated[float, Meta(ge=0.0)]


class Variant(Parameters, frozen=True, omit_defaults=True):
    """Settings of train that a variant changes for some members of an ensemble."""

    hidden: Sizes | None = None
    filters: Sizes | None = None
    kernel: Sides | None = None
    stride: Sides | None = None
    activation: ActivationName | None = None
    dropout: Rate | None = None
    batch_norm: bool | None = None
    pool: Sides | None = None
    deskew: Deskew | None = None
    learning_rate: AboveZero | None = None
    epochs: Positive | None = None
    label_smoothing: Rate | None = None
    rotation: Strength | None = None
    scale: Strength | None = None
    shear: Strength | None = None
    shift: Strength | None = None
    elastic: Strength | None = None
    smoothness: AboveZero | None = None


class TrainParameters(Parameters, frozen=True):
    """The network and how it learns."""

    renamed: ClassVar[Mapping[str, str]] = {"posture": "deskew", "shards": "replicas"}

    hidden: Annotated[
        Sizes,
        Meta(description="Width of each hidden layer; without convolutions, [] is multinomial logistic regression."),
    ] = (256, 64)
    filters: Annotated[
        Sizes,
        Meta(description="Number of filters of each convolution in front of the hidden layers; []: none."),
    ] = ()
    kernel: Annotated[
        Sides,
        Meta(description="Side in pixels of the convolutions' kernels: one for all, or one for each."),
    ] = 5
    stride: Annotated[
        Sides,
        Meta(description="Pixels by which kernels move on: one for all, or one for each; 2 halves an image's sides."),
    ] = 2
    pool: Annotated[
        Sides,
        Meta(description="Side of the windows pooled after each convolution: one for all, or one for each; 1: none."),
    ] = 1
    pooling: Annotated[
        Annotated[str, ChoicesOf("stages.mlp.layers.pooling:POOLINGS")],
        Meta(description="What each window becomes: its largest value or its mean."),
    ] = "max"
    activation: Annotated[
        ActivationName,
        Meta(description="What follows each convolution and each hidden layer."),
    ] = "relu"
    dropout: Annotated[
        Rate,
        Meta(
            description="Probability with which each input of a dense layer is dropped in training; pixels never are."
        ),
    ] = 0.0
    batch_norm: Annotated[bool, Meta(description="Normalise every convolution and hidden layer over the batch.")] = (
        False
    )
    deskew: Annotated[
        Deskew,
        Meta(description="How images are deskewed first: not at all, without slant, or also with even width."),
    ] = "none"
    initialisation: Annotated[
        Annotated[str, ChoicesOf("stages.mlp.initialisation:INITIALISATIONS")],
        Meta(description="Initial weights: He's, or the tutorial's (deviation sqrt(2 / n_in) for W2, else 0.1)."),
    ] = "he"
    dtype: Annotated[
        Annotated[str, ChoicesOf("stages.mlp.architecture:DTYPES")], Meta(description="Type of weights and arithmetic.")
    ] = "float32"

    optimiser: Annotated[
        Annotated[str, ChoicesOf("stages.mlp.gradient_descent.optimisers:OPTIMISERS")],
        Meta(description="How gradients move the weights."),
    ] = "adam"
    learning_rate: Annotated[AboveZero, Meta(description="Learning rate; the peak, where a schedule moves it.")] = 3e-3
    schedule: Annotated[
        Annotated[str, ChoicesOf("stages.mlp.gradient_descent.schedules:SCHEDULES")],
        Meta(description="How the learning rate moves from step to step."),
    ] = "one_cycle"
    warm_up: Annotated[Rate, Meta(description="Share of the steps in which one_cycle's learning rate rises.")] = 0.1
    momentum: Annotated[Rate, Meta(description="Momentum of momentum and nesterov.")] = 0.9
    beta1: Annotated[Rate, Meta(description="Decay of Adam's mean of the gradients.")] = 0.9
    beta2: Annotated[Rate, Meta(description="Decay of Adam's mean of the squared gradients.")] = 0.99
    epsilon: Annotated[AboveZero, Meta(description="What keeps Adam's division finite.")] = 1e-8
    weight_decay: Annotated[
        Strength, Meta(description="Pull of the weights towards 0: decoupled in adamw, else through the gradient.")
    ] = 0.0
    clip_norm: Annotated[AboveZero | None, Meta(description="Scale longer gradients down to this Euclidean norm.")] = (
        None
    )
    ema: Annotated[Rate, Meta(description="Decay of the weights' moving average, which is then kept; 0: none.")] = 0.0

    batch_size: Annotated[
        Positive | None,
        Meta(description="Rows per step; none: 128, or fewer, but at least 16, so that an epoch has 40 steps."),
    ] = None
    epochs: Annotated[Positive, Meta(description="How many times every training row is seen.")] = 50
    label_smoothing: Annotated[
        Rate, Meta(description="Share of the target that is spread evenly over all classes.")
    ] = 0.0
    keep: Annotated[
        Annotated[str, ChoicesOf("stages.mlp.training.recipe:KEEPS")] | None,
        Meta(
            description="Which epoch's weights are kept. Unless this is set: the last epoch with folds, and where the "
            "learning rate ends at 0 and neither patience nor max_seconds is set; otherwise the best one."
        ),
    ] = None
    patience: Annotated[
        Positive | None, Meta(description="Stop after so many epochs in a row without a better one.")
    ] = None
    max_seconds: Annotated[
        AboveZero | None,
        Meta(
            description="Stop training after so many seconds, and keep the weights that the setting keep names; "
            "the result then depends on the machine's speed."
        ),
    ] = None
    seed: Annotated[
        int, Meta(description="Seed of initial weights, order, dropout and augmentation.", ge=0, le=2**63 - 1)
    ] = 0
    replicas: Annotated[
        int,
        Meta(
            description="Replicas of the network that share each batch; they change the result, and cores do not.",
            ge=1,
            le=64,
        ),
    ] = 2
    folds: Annotated[
        int,
        Meta(
            description="Parts of the training rows; each measures the members that are not trained on it. 1: none.",
            ge=1,
            le=1000,
        ),
    ] = 1
    members: Annotated[
        int,
        Meta(
            description="Networks per fold, which differ by their seeds; their probabilities are averaged.",
            ge=1,
            le=MOST_NETWORKS,
        ),
    ] = 1
    variants: Annotated[
        tuple[Variant, ...],
        Meta(description="Settings in which members differ, taken in turns; any of those in [[train.variants]]."),
    ] = ()
    processes: Annotated[
        Annotated[int, Meta(ge=1, le=MOST_PROCESSES)] | None,
        Meta(description="Members trained at the same time on this machine; none: as many as it has cores for."),
    ] = None
    window_mib: Annotated[
        Positive,
        Meta(description="A training set of more than so many MiB is read and shuffled in windows of this size."),
    ] = 256
    report_steps: Annotated[int, Meta(description="Print loss and accuracy every so many steps; 0: never.", ge=0)] = 0

    rotation: Annotated[
        Strength, Meta(description="Augmentation: largest rotation of a training image either way, in degrees.")
    ] = 10.0
    scale: Annotated[
        Strength, Meta(description="Augmentation: largest stretch or shrinkage of a side; 0.1 is 10 %.")
    ] = 0.1
    shear: Annotated[Strength, Meta(description="Augmentation: largest slant, in columns per row.")] = 0.12
    shift: Annotated[
        Strength, Meta(description="Augmentation: largest movement, as a fraction of the image's smaller side.")
    ] = 0.035
    elastic: Annotated[
        Strength,
        Meta(description="Augmentation: RMS movement of a pixel by elastic deformation, in the unit of shift."),
    ] = 0.045
    smoothness: Annotated[
        AboveZero, Meta(description="Augmentation: scale of the elastic deformation's bends, in the unit of shift.")
    ] = 0.18

    def __post_init__(self) -> None:
        if self.folds * self.members > MOST_NETWORKS:
            n_networks = self.folds * self.members
            raise ValueError(f"folds x members are {n_networks:,} networks, and at most {MOST_NETWORKS:,} are trained")
        for name, value in (("kernel", self.kernel), ("stride", self.stride), ("pool", self.pool)):
            if self.filters and isinstance(value, tuple) and len(value) != len(self.filters):
                numbers, filters = counted(len(value), "number"), counted(len(self.filters), "filter")
                raise ValueError(f"{name} has {numbers} for {filters}; it is one for all, or one for each")

    def check_beside(self, stages: Mapping[str, Any]) -> None:
        if self.folds == 1 and "split" in stages and stages["split"].validation == 0:
            raise ValueError(
                "split.validation = 0 leaves no rows to measure the network on; folds do, such as train.folds = 5"
            )
