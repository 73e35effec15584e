"""The table of data sets, in the order that lists and tables show. It costs no import of torch."""

from bench.registry import DatasetEntry

ENTRIES: tuple[DatasetEntry, ...] = (
    DatasetEntry(
        "digits",
        "bench.datasets.digits.adapter:Digits",
        "Handwritten digits, two views",
        "left and right part of an 8x8 image",
        needs_root=False,
    ),
    DatasetEntry(
        "avmnist",
        "bench.datasets.avmnist.adapter:AVMNIST",
        "AV-MNIST, digits seen and spoken",
        "image of a digit and spectrogram of a spoken one",
    ),
    DatasetEntry(
        "avmnist-multibench",
        "bench.datasets.avmnist_multibench.adapter:AVMNISTMultiBench",
        "AV-MNIST, MultiBench's arrays",
        "image of a digit and spectrogram of a spoken one",
    ),
    DatasetEntry(
        "cremad",
        "bench.datasets.cremad.adapter:CREMAD",
        "CREMA-D, emotions heard and seen",
        "spectrogram of a voice and frames of a face",
    ),
    DatasetEntry(
        "modelnet40",
        "bench.datasets.modelnet40.adapter:ModelNet40",
        "ModelNet40, shapes from two sides",
        "front and rear view of a shape",
    ),
    DatasetEntry(
        "ave",
        "bench.datasets.ave.adapter:AVE",
        "AVE, events heard and seen",
        "spectrogram of an event's sound and frames of it",
    ),
    DatasetEntry(
        "mosei",
        "bench.datasets.mosei.adapter:MOSEI",
        "CMU-MOSEI, sentiment in speech",
        "features of words, of a voice and of a face",
    ),
    DatasetEntry(
        "ucf101",
        "bench.datasets.ucf101.adapter:UCF101",
        "UCF101, actions seen as pictures and as flow",
        "frames of a clip, and optical flow",
    ),
    DatasetEntry(
        "kinetics_sounds",
        "bench.datasets.kinetics_sounds.adapter:KineticsSounds",
        "Kinetics-Sounds, actions heard and seen",
        "spectrogram and frames of an action",
    ),
    DatasetEntry(
        "food101",
        "bench.datasets.food101.adapter:Food101",
        "UPMC Food-101, dishes seen and named",
        "photograph of a dish and words of a page's title",
    ),
    DatasetEntry(
        "vggsound",
        "bench.datasets.vggsound.adapter:VGGSound",
        "VGGSound, sounds and what makes them",
        "spectrogram of a sound and frames of its source",
    ),
    DatasetEntry(
        "balanced_av",
        "bench.datasets.balanced_av.adapter:BalancedAV",
        "BalancedAV, 30 classes heard and seen",
        "spectrogram and frames of a clip",
    ),
    DatasetEntry(
        "ravdess",
        "bench.datasets.ravdess.adapter:RAVDESS",
        "RAVDESS, emotions seen and heard, as features",
        "features of a face and of a voice",
    ),
    DatasetEntry(
        "mosi",
        "bench.datasets.mosi.adapter:MOSI",
        "CMU-MOSI, sentiment in speech, as features",
        "features of words, of a voice and of a face",
    ),
    DatasetEntry(
        "wikipedia",
        "bench.datasets.wikipedia.adapter:Wikipedia",
        "Wikipedia, articles by picture and text",
        "visual words of a picture, topics of a text",
    ),
    DatasetEntry(
        "handwritten",
        "bench.datasets.handwritten.adapter:Handwritten",
        "Handwritten digits, six views",
        "six kinds of features of one digit",
    ),
    DatasetEntry(
        "bdgp",
        "bench.datasets.bdgp.adapter:BDGP",
        "BDGP, fly embryos from two sides",
        "visual words of lateral and dorsal pictures",
    ),
    DatasetEntry(
        "synthetic",
        "bench.datasets.synthetic.adapter:Synthetic",
        "Synthetic, the best answers known",
        "two or three generated vectors",
        needs_root=False,
    ),
    DatasetEntry(
        "features",
        "bench.datasets.features.adapter:Features",
        "Your own arrays",
        "any number, from .npz, .npy or .safetensors files",
    ),
)
