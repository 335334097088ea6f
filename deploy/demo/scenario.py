"""The demo's day as data: cases, visits, and what each is to become. The most telling come first.

Minutes count from a visit's beginning. Teams work in parallel; the visits of one officer never
overlap, `back` is their common clock.
"""

from __future__ import annotations

from collections.abc import Mapping

from deploy.demo.shapes import (
    Case,
    Paper,
    Situation,
    Step,
    Take,
    Visit,
    explained,
    found,
    item,
    noted,
    on_the_spot,
    signed,
)

CASES: Mapping[str, Case] = {
    "bbq": Case("青城烧烤店经营超过保质期食品案", "涉嫌经营超过保质期的食品", "青城烧烤店",
                "巴特尔", filed_days=0.01, events=(("seizure_started", 0.02),)),
    "steel": Case("青砖建筑使用不合格钢筋案", "涉嫌使用不合格建筑材料", "青砖建筑工程有限公司",
                  "陈志远", filed_days=0.01),
    "lamb": Case("马师傅烤羊腿摊占道经营案", "涉嫌擅自占用城市道路经营", "马师傅烤羊腿摊",
                 "苏日娜"),
    "corner": Case("街角便利店混放检查", "食品与有毒物品混放", "海西路街角便利店", "巴特尔"),
    "cold-store": Case("北坡冷鲜冻肉来源不明案", "涉嫌经营未按规定检疫的肉类",
                       "北坡冷鲜食品有限公司", "巴特尔", opened_days=2.1),
    "dairy": Case("草原清晨乳品标签不合规案", "涉嫌销售标签不符合规定的食品",
                  "草原清晨乳品有限公司", "其其格", opened_days=2.1),
    "pharmacy": Case("仁济大药房未凭处方销售处方药案", "涉嫌未凭处方销售处方药",
                     "通道街仁济大药房", "其其格", opened_days=84, filed_days=83),
    "presale": Case("北坡房地产无证预售案", "涉嫌未取得预售许可预售商品房",
                    "北坡房地产开发有限公司", "孙丽", opened_days=98, filed_days=97),
    "fit-out": Case("灰瓦装饰擅自变动承重结构案", "涉嫌擅自变动房屋承重结构",
                    "灰瓦装饰工程有限公司", "陈志远", opened_days=40, filed_days=38,
                    events=(("hearing_requested", 9),)),
    "property": Case("暖阳物业消防通道堵塞检查", "物业共用部位管理检查", "暖阳物业服务有限公司",
                     "陈志远"),
    "slag": Case("长风渣土车辆遗撒案", "涉嫌运输车辆沿途遗撒", "长风渣土运输有限公司", "赵磊",
                 opened_days=20, filed_days=18),
}  # fmt: skip

NOTICE = "已出示执法证件，告知检查事由、权利义务及全程录音录像。"
KITCHEN, STORE, ROOM, STREET = "kitchen", "warehouse", "meeting", "storefront"


def _seizure(end: float) -> tuple[Step, ...]:
    return on_the_spot(end + 2, Step("examine", 4, 8), Step("seize", 8, end))


def _check(end: float) -> tuple[Step, ...]:
    return on_the_spot(end + 1, Step("examine", 4, end))


def _decision(minute: float, what: str, signers: tuple[str, ...]) -> tuple[Paper, ...]:
    return (
        Paper("decision", "实施行政强制措施决定书", (f"决定对{what}予以扣押。",), minute, signers),
        Paper("item_list", "场所、设施、财物清单", (f"{what}，当事人核对无误。",), minute, signers),
    )


VISITS: Mapping[str, Visit] = {
    # Two cameras, one 97 s ahead: uncorrected, 37 s of the seizure would seem to be missing.
    "bbq-seizure": Visit(
        "青城烧烤店", "seizure", "查封扣押过期冻品", "HH-SJ-01", ("巴特尔", "王秀英", "李强"),
        _seizure(32), back=0.7, case="bbq", reason="群众举报", summary="冷柜内冻羊肉超过保质期。",
        result="扣押，当场交付清单",
        facts=(found(6, "冷柜内发现超过保质期的冻羊肉", 3), item(20, "冻羊肉卷", "12 箱", 4),
               item(24, "冻鸡翅", "4 袋", 4), noted(4, NOTICE), signed(31, "马建军", "当事人"),
               signed(31, "巴特尔", "执法人员")),
        papers=_decision(30, "超过保质期冻品 16 件", ("马建军", "巴特尔", "王秀英")),
        takes=(Take("CAM-SJ-01", "video", 2, 19, STREET),
               Take("CAM-SJ-02", "video", 20, 14, KITCHEN),
               Take("CAM-SJ-01", "photo", 6, scene=KITCHEN)),
    ),
    "steel-seizure": Visit(
        "青砖建筑工程有限公司", "seizure", "扣押不合格钢筋", "HH-ZJ-01", ("陈志远", "乌云"),
        _seizure(34), back=0.8, case="steel", reason="质量抽检线索",
        summary="钢筋无出厂合格证，直径偏差超标。", result="扣押钢筋 3 吨",
        facts=(found(6, "堆场钢筋无出厂合格证", 3), item(18, "螺纹钢 Φ12", "3 吨", 4),
               signed(33, "杜永强", "项目负责人")),
        papers=_decision(32, "螺纹钢 3 吨", ("杜永强", "陈志远", "乌云")),
        takes=(Take("CAM-ZJ-01", "video", 3, 12, STORE),
               Take("CAM-ZJ-01", "video", 23, 12.5, STORE),
               Take("CAM-ZJ-02", "photo", 6, scene=STORE)),
    ),
    "cold-store-seizure": Visit(
        "北坡冷鲜食品有限公司", "seizure", "扣押来源不明冻肉", "HH-SJ-01", ("巴特尔", "王秀英"),
        on_the_spot(30, Step("seize", 8, 28)), days=2, case="cold-store",
        summary="冻肉无检疫证明。", result="扣押，当场交付清单",
        facts=(found(6, "冷库冻肉无检疫合格证明", 2), item(16, "冻牛肉", "30 箱", 3)),
        papers=_decision(26, "冻牛肉 30 箱", ("韩雪峰", "巴特尔", "王秀英")),
    ),
    "dairy-check": Visit(
        "草原清晨乳品有限公司", "check", "乳品批发部检查", "HH-SJ-03", ("其其格", "张建国"),
        _check(14), days=2, case="dairy", summary="两个批次标签缺少生产日期。",
        facts=(found(8, "两个批次的乳品标签缺少生产日期", 3),),
        takes=(Take("CAM-SJ-03", "video", 2, 7, STORE),),
    ),
    "lamb-seizure": Visit(
        "马师傅烤羊腿摊", "seizure", "扣押占道经营工具", "HH-CG-01", ("苏日娜", "马俊", "白雪"),
        _seizure(29), back=0.7, case="lamb", summary="占用盲道经营，经劝离不改。",
        facts=(found(6, "烤炉与桌椅占用盲道", 3), item(15, "烤炉", "1 台", 4),
               explained(17.8, 21.2, "执法记录仪更换电池", 4),
               noted(21, "中途更换记录仪电池，已口头说明")),
        papers=_decision(27, "烤炉 1 台", ("马师傅", "苏日娜", "马俊")),
        takes=(Take("CAM-CG-01", "video", 3, 15, STREET),
               Take("CAM-CG-01", "video", 21, 9.5, STREET),
               Take("CAM-CG-02", "photo", 7, scene=STREET)),
    ),
    "shaomai-a": Visit(
        "宽巷子暖阳烧麦馆", "check", "餐饮环节检查", "HH-SJ-01", ("巴特尔",), _check(16), back=1.6,
        reason="日常检查", facts=(found(9, "后厨生熟案板未分开", 3),),
        takes=(Take("CAM-SJ-01", "video", 3, 8, KITCHEN),),
    ),
    "shaomai-b": Visit(
        "宽巷子暖阳烧麦馆", "check", "餐饮环节检查", "HH-SJ-02", ("王秀英",), _check(17), back=1.62,
        reason="日常检查",
        facts=(found(10, "从业人员健康证齐全", 3), found(12, "留样登记不完整", 3)),
        takes=(Take("CAM-SJ-02", "photo", 10, scene=KITCHEN),),
    ),
    "property-check": Visit(
        "暖阳物业服务有限公司", "check", "物业共用部位检查", "HH-ZJ-01", ("陈志远", "乌云"),
        _check(12), back=1.8, case="property", summary="东侧通道有杂物。",
        takes=(Take("CAM-ZJ-01", "video", 3, 6, STREET),),
    ),
    "pharmacy-service": Visit(
        "通道街仁济大药房", "service", "留置送达责令改正通知书", "HH-SJ-03", ("其其格", "张建国"),
        on_the_spot(12, Step("serve_by_leaving", 4, 11)), back=1.6, case="pharmacy",
        summary="当事人拒收，留置送达。", result="文书留置于收银台",
        facts=(noted(6, "当事人拒绝签收，说明拒收情形"), signed(10, "丁文", "见证人")),
        takes=(Take("CAM-SJ-03", "video", 3.5, 8, STREET), Take("CAM-SJ-03", "photo", 5),
               Take("CAM-SJ-04", "photo", 7), Take("CAM-SJ-04", "photo", 9)),
    ),
    "presale-service": Visit(
        "北坡房地产开发有限公司", "service", "留置送达陈述申辩告知书", "HH-ZJ-02", ("孙丽", "高峰"),
        on_the_spot(11, Step("serve_by_leaving", 4, 10)), back=1.7, case="presale",
        summary="项目部负责人拒签，拍照录像留置。",
        takes=(Take("CAM-ZJ-03", "video", 3, 7.5, STREET), Take("CAM-ZJ-03", "photo", 5)),
    ),
    "bbq-inquiry": Visit(
        "青城烧烤店", "inquiry", "询问店主马建军", "HH-SJ-01", ("巴特尔", "王秀英"),
        (Step("show_id", 0, 1), Step("notify", 1, 2), Step("question", 2, 18)), case="bbq",
        facts=(signed(18, "马建军", "被询问人"),),
        papers=(Paper("transcript", "询问笔录", (
            "问：冻品何时购进？答：今年三月。", "问：冻品何时购进？答：去年三月，前述有误，更正。"),
            17, ("马建军", "巴特尔", "王秀英")),),
        takes=(Take("CAM-SJ-01", "audio", 1.5, 17),),
    ),
    "corner-shop": Visit(
        "海西路街角便利店", "check", "烟草与食品混放检查", "HH-SJ-01", ("巴特尔", "王秀英"),
        _check(13), back=2.5, case="corner", facts=(found(9, "食品与杀虫剂混放", 3),),
        takes=(Take("CAM-SJ-01", "video", 3, 6, STORE),
               Take("CAM-SJ-02", "text", 8, names_case=True)),
    ),
    "fit-out-hearing": Visit(
        "灰瓦装饰工程有限公司", "hearing", "听证会", "HH-ZJ-01", ("陈志远", "乌云"),
        (Step("notify", 0, 2), Step("hearing", 2, 14)), back=2.8, case="fit-out",
        summary="当事人对事实无异议，请求从轻。",
        papers=(Paper("transcript", "听证笔录", ("当事人陈述：已委托加固，请求从轻处罚。",), 13,
                      ("吕薇", "陈志远")),),
        takes=(Take("CAM-ZJ-02", "video", 1.5, 13, ROOM),),
    ),
    "fruit-sampling": Visit(
        "环河街绿叶果蔬行", "check", "果蔬农残抽样", "HH-SJ-03", ("其其格", "张建国"),
        on_the_spot(16, Step("examine", 4, 8), Step("sample", 8, 15)), back=0.6,
        facts=(item(12, "草莓", "2 千克", 4),),
        takes=(Take("CAM-SJ-03", "photo", 6, scene=STORE),
               Take("CAM-SJ-03", "photo", 11, scene=STORE),
               Take("CAM-SJ-04", "photo", 13, scene=STORE)),
    ),
    "toys-check": Visit(
        "光明路小太阳儿童用品店", "check", "儿童用品认证检查", "HH-SJ-03",
        ("其其格", "张建国", "刘洋"), _check(12), back=2.5,
        facts=(found(8, "三款玩具未见强制性认证标志", 3),),
        takes=(Take("CAM-SJ-04", "video", 3, 5, STORE),),
    ),
    "site-check": Visit(
        "青砖建筑工程有限公司", "check", "工地扬尘检查", "HH-ZJ-02", ("孙丽", "高峰"), _check(10),
        back=3.6, summary="裸土覆盖到位。", takes=(Take("CAM-ZJ-03", "video", 3, 4, STORE),),
    ),
    "fit-out-inquiry": Visit(
        "灰瓦装饰工程有限公司", "inquiry", "询问现场负责人", "HH-ZJ-02", ("孙丽", "高峰"),
        (Step("show_id", 0, 1), Step("question", 1, 12)), back=2.25, case="fit-out",
        papers=(Paper("transcript", "询问笔录", ("问：拆改方案何人批准？答：口头同意。",), 11,
                      ("吕薇", "孙丽", "高峰")),),
        takes=(Take("CAM-ZJ-03", "audio", 0.5, 12),),
    ),
    "property-recheck": Visit(
        "暖阳物业服务有限公司", "check", "整改复查", "HH-ZJ-01", ("陈志远", "乌云"), _check(9),
        back=0.0, case="property", takes=(Take("CAM-ZJ-02", "photo", 6),),
    ),
    "night-market": Visit(
        "西龙王庙夜市百货摊", "check", "夜市占道检查", "HH-CG-01", ("苏日娜", "马俊"), _check(11),
        back=1.7, takes=(Take("CAM-CG-02", "video", 3, 5, STREET),),
    ),
    "signboard": Visit(
        "工人西村彩虹广告部", "check", "户外广告设置检查", "HH-CG-01", ("苏日娜", "马俊", "白雪"),
        _check(9), back=2.6, facts=(found(6, "招牌超出核准尺寸", 3),),
        takes=(Take("CAM-CG-01", "photo", 6),),
    ),
    "slag-hearing": Visit(
        "长风渣土运输有限公司", "hearing", "听证会", "HH-CG-02", ("赵磊", "周婷"),
        (Step("notify", 0, 2), Step("hearing", 2, 11)), back=2.7, case="slag",
        papers=(Paper("transcript", "听证笔录", ("当事人认为遗撒系车门故障。",), 10,
                      ("毛勇", "赵磊")),),
        takes=(Take("CAM-CG-03", "video", 1.5, 10, ROOM),),
    ),
    "slag-service": Visit(
        "长风渣土运输有限公司", "service", "留置送达听证通知书", "HH-CG-02", ("赵磊", "周婷"),
        on_the_spot(10, Step("serve_by_leaving", 4, 9)), back=1.6, case="slag",
        takes=(Take("CAM-CG-03", "video", 3, 6.5, STREET),),
    ),
    "slag-check": Visit(
        "长风渣土运输有限公司", "check", "车辆密闭检查", "HH-CG-02", ("赵磊", "周婷"), _check(10),
        back=0.6, case="slag", takes=(Take("CAM-CG-03", "video", 3, 4, STREET),),
    ),
}  # fmt: skip

# An edit made offline at 14 minutes; meanwhile the desk writes the same field.
EDITED_VISIT = "property-check"
EDITED_FIELD = "summary"
SAID_OFFLINE = "东侧通道有杂物，已当场清理。"
SAID_AT_DESK = "东侧通道有杂物，责令三日内清理。"

SITUATIONS: tuple[Situation, ...] = (
    Situation("两台记录仪同一现场，一台快 97 秒", "two cameras, one 97 s ahead", "bbq-seizure",
              "united_in_spite_of_a_wrong_clock"),
    Situation("扣押过程中断录 8 分钟", "8 minutes missing in a seizure", "steel-seizure",
              "gap_of_480_s"),
    Situation("应录未录", "a step never recorded", "cold-store-seizure", "missing_recording"),
    Situation("超过 24 小时才上传", "uploaded later than 24 h", "dairy-check", "late_upload"),
    Situation("两人离线登记同一次检查", "two opened the same visit offline", "shaomai-a", "merged"),
    Situation("离线修改与办公端修改相冲突", "an offline edit against the desk's", "property-check",
              "sync_conflict"),
    Situation("办案期限将满", "90 days end soon", "pharmacy", "deadline_near"),
    Situation("办案期限已过", "90 days are over", "presale", "deadline_overdue"),
    Situation("断录但已说明原因", "a gap with a stated cause", "lamb-seizure", "explained_gap"),
    Situation("冒充视频的文本文件", "a text named .mp4", "corner-shop", "rejected_and_kept"),
    Situation("询问录音与两版笔录", "inquiry: audio, transcript in two versions", "bbq-inquiry",
              "two_versions"),
    Situation("执法证过期", "an expired certificate", "toys-check", "certificate_invalid"),
)  # fmt: skip
